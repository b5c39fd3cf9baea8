// Explains the errors of the YAML library to the author of the file.
import type { YAMLError } from 'yaml';

/** @returns what is wrong, and what to write if that is known */
export function describeSyntax({ code, message, pos }: YAMLError, text: string): readonly [string, string?] {
  const [start] = pos;
  const from = text.slice(start);
  const word = /^[^\s,#\]}]*/.exec(from)?.[0] ?? '';
  const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  switch (code) {
    case 'BAD_ALIAS':
      return ['* without quotes is an alias of YAML', 'write "*"'];
    case 'BAD_SCALAR_START':
      return [`a value cannot begin with ${word.charAt(0)} without quotes`, `write "${word}"`];
    case 'DUPLICATE_KEY':
      return [
        `the key "${word.replace(/:.*$/, '').replace(/^(["'])(.*)\1$/, '$2')}" stands here a second time`,
        'give each key once',
      ];
    case 'TAB_AS_INDENT':
      return ['a tab cannot indent', 'use spaces'];
    case 'MULTIPLE_DOCS':
      return ['a second document begins here', 'keep one document a file'];
    case 'TAG_RESOLVE_FAILED':
      return [`the tag ${word} means nothing here`, 'leave it out'];
    case 'BLOCK_AS_IMPLICIT_KEY':
      return ['a second ": " in one line', 'put the value in quotes, or on lines of its own'];
    case 'BAD_INDENT':
      return /flow/i.test(message)
        ? ['a list or map in brackets is not closed', 'close it with ] or }']
        : ['this line is indented unlike its neighbours', 'give all keys of a map one indentation'];
    case 'MISSING_CHAR':
      if (/quote/.test(message)) return ['a quote is not closed'];
      if (/Flow map|Flow sequence/.test(message))
        return ['a list or map in brackets is not closed', 'close it with ] or }'];
      return ['a key without a value', 'write "key: value"'];
    case 'MULTILINE_IMPLICIT_KEY':
      return [`"${word}" is a key without a value`, `write "${word}: value"`];
    case 'UNEXPECTED_TOKEN':
      if (/\[[0-9a-f:./]+\]:?$/i.test(before.trimEnd()))
        return ['an address in brackets is a list of YAML without quotes', 'write it as "[::1]:443"'];
  }
  return [(message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')];
}
