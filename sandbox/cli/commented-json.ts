// JSON with comments and trailing commas, as editors and MCP clients keep their settings.
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { PosternError } from '../../shared/errors.js';

/** @param what the file in a message, as in "The file" @throws PosternError `usage`, with the first fault and its line */
export function parseCommentedJson(text: string, what: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first === undefined) return value;
  const line = text.slice(0, first.offset).split('\n').length;
  throw new PosternError('usage', `${what} is no JSON: ${printParseErrorCode(first.error)} in line ${line}`, {
    fix: 'correct it, or name another file',
  });
}
