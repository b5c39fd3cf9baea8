// A YAML text: its values, and the line and column of each, for messages. Depth and aliases are bounded.

import { createRequire } from 'node:module';
import type { Document, DocumentOptions, ParseOptions, SchemaOptions, YAMLError } from 'yaml';
import { bundlePath } from '../bundles.js';
import { ConfigError, type ConfigProblem } from './config-problem.js';
import type * as YamlLibrary from './yaml-library.js';

// YAML text with the places of its values. Explains every syntax error to the author. Trusts the author, not the form.

/** Lists and maps within each other, as the parser counts them. A configuration has ten. */
const MAX_LEVELS = 100;
/** Aliases may expand to this many nodes. More is an error. */
export const MAX_ALIASES = 10_000;
/** One mistake can cause many errors in a parser that goes on. */
const MAX_SYNTAX_ERRORS = 10;

export type KeyPath = readonly (string | number)[];

export class YamlSource {
  readonly #path: string;
  readonly #places: TextPlaces;
  readonly #document: Document.Parsed;
  /** The content as plain values. */
  readonly value: unknown;

  /**
   * @param path for messages
   * @throws PosternError `bad_config` with every syntax error
   */
  constructor(path: string, text: string) {
    this.#path = path;
    this.#places = new TextPlaces(text);
    // Otherwise !!binary and the like make values that a configuration cannot have.
    const document = parseYaml(text, { resolveKnownTags: false });
    if (document === undefined)
      throw new ConfigError([
        { file: path, key: '', message: `is nested too deeply: more than ${MAX_LEVELS} lists and maps` },
      ]);
    this.#document = document;
    const { errors, warnings } = document;
    const syntax = [...errors, ...warnings].slice(0, MAX_SYNTAX_ERRORS);
    const problems = [
      ...syntax.map((error) => this.#at(error.pos[0], '', ...describeSyntax(error, text))),
      ...(errors.length > 0 ? [] : this.#structure(text)),
    ];
    if (problems.length > 0) throw new ConfigError(problems);
    this.value = this.#toValue();
  }

  /** The value at a key; undefined if there is none. */
  valueAt(key: KeyPath): unknown {
    return key.reduce<unknown>(
      (inner, part) =>
        typeof inner === 'object' && inner !== null
          ? (inner as Record<string | number, unknown>)[part]
          : undefined,
      this.value,
    );
  }

  /** A single value as written: `1.10`, which YAML reads as 1.1. Undefined if there is none. */
  writtenAt(key: KeyPath): string | undefined {
    const node = this.#document.getIn(key, true);
    return yaml().isScalar(node) ? node.source : undefined;
  }

  /** The text at a key, or the texts of the list there. The schema reports values that are no texts. */
  textsAt(key: KeyPath): { readonly key: KeyPath; readonly text: string }[] {
    const value = this.valueAt(key);
    if (typeof value === 'string') return [{ key, text: value }];
    if (!Array.isArray(value)) return [];
    return value.flatMap((text: unknown, index) =>
      typeof text === 'string' ? [{ key: [...key, index], text }] : [],
    );
  }

  /** The keys of the map at a key; undefined if there is no map. */
  keysAt(key: KeyPath): readonly string[] | undefined {
    const value = this.valueAt(key);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value)
      : undefined;
  }

  /** Makes a problem at the value of a key, or at its innermost ancestor that exists. */
  problem(key: KeyPath, message: string, suggestion?: string): ConfigProblem {
    return this.#at(this.#offsetOf(key), describeKey(key), message, suggestion);
  }

  /** Makes a problem at a key itself. */
  keyProblem(parent: KeyPath, key: string, message: string, suggestion?: string): ConfigProblem {
    const { isMap, isNode, isScalar } = yaml();
    const node = parent.length === 0 ? this.#document.contents : this.#document.getIn(parent, true);
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      : undefined;
    const offset = isNode(pair?.key) ? pair.key.range?.[0] : undefined;
    return this.#at(offset ?? this.#offsetOf(parent), describeKey([...parent, key]), message, suggestion);
  }

  /** `FILE:LINE` of a value. */
  lineOf(key: KeyPath): string {
    return `${this.#path}:${this.#places.at(this.#offsetOf(key)).line}`;
  }

  #toValue(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (cause) {
      if (!(cause instanceof ReferenceError)) throw cause;
      let last = 0;
      yaml().visit(this.#document, {
        Alias: (_key, { range }) => {
          last = range?.[0] ?? last;
        },
      });
      throw new ConfigError([this.#at(last, '', `the aliases multiply to more than ${MAX_ALIASES} nodes`)]);
    }
  }

  /** Finds what YAML allows and a configuration cannot mean. */
  #structure(text: string): ConfigProblem[] {
    const { isAlias, isMap, isNode, isScalar, visit } = yaml();
    const problems: ConfigProblem[] = [];
    const anchors = new Set<string>();
    const { explicit, version } = this.#document.directives.yaml;
    if (explicit === true && version !== '1.2')
      problems.push(
        this.#at(0, '', `YAML ${version} reads some values otherwise`, 'leave the line %YAML out'),
      );
    visit(this.#document, (_key, node) => {
      if (isNode(node) && 'anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
      if (isAlias(node) && !anchors.has(node.source)) {
        const [start = 0, end = start] = node.range ?? [];
        const written = text.slice(start, end).trim();
        problems.push(
          this.#at(
            start,
            '',
            `${written} without quotes is an alias of YAML, and nothing has that anchor`,
            `write "${written}"`,
          ),
        );
      }
      if (isScalar(node) && typeof node.value === 'string' && node.value.includes('\0'))
        problems.push(this.#at(node.range?.[0] ?? 0, '', 'a NUL character ends a text', 'leave it out'));
      if (!isMap(node)) return;
      for (const { key } of node.items) {
        const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        if (!isScalar(key))
          problems.push(
            this.#at(
              offset,
              '',
              'a list or map cannot be a key',
              'an address in brackets needs quotes, for example "[::1]:443"',
            ),
          );
        else if (key.value === '__proto__') problems.push(this.#at(offset, '', 'unknown key "__proto__"'));
      }
    });
    return problems;
  }

  #at(offset: number, key: string, message: string, suggestion?: string): ConfigProblem {
    const { line, column } = this.#places.at(offset);
    return {
      file: this.#path,
      line,
      column,
      key,
      message,
      ...(suggestion !== undefined && { suggestion }),
    };
  }

  #offsetOf(key: KeyPath): number {
    for (let length = key.length; length >= 0; length -= 1) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(key.slice(0, length), true);
      if (yaml().isNode(node) && node.range) return node.range[0];
    }
    return 0;
  }
}

/**
 * Parses the text as parseDocument() of the library does, but of bounded depth. The composer calls itself for each level. Where little stack is left, V8
 * may end the process instead of throwing: so it does if it has to compile a regular expression.
 *
 * @returns undefined if the text is nested too deeply
 */
export function parseYaml(
  text: string,
  options: ParseOptions & DocumentOptions & SchemaOptions = {},
): Document.Parsed | undefined {
  const { Composer, Lexer, Parser, YAMLParseError } = yaml();
  const parser = new Parser();
  let isTooDeep = false;
  function* tokens(): ReturnType<typeof parser.next> {
    for (const word of new Lexer().lex(text)) {
      yield* parser.next(word);
      isTooDeep = parser.stack.length > MAX_LEVELS;
      if (isTooDeep) return;
    }
    yield* parser.end();
  }
  const composer = new Composer({ uniqueKeys: true, logLevel: 'error', ...options });
  const [document, second] = composer.compose(tokens(), true, text.length);
  if (isTooDeep) return undefined;
  if (second !== undefined) {
    const [start, end] = second.range;
    document?.errors.push(new YAMLParseError([start, end], 'MULTIPLE_DOCS', 'several documents'));
  }
  return document;
}

/** `plugins.web.allow[0]` */
function describeKey(key: KeyPath): string {
  return key.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

// Turns offsets in a text into lines and columns. The counter of the YAML library misses lines inside text that it cannot read.

class TextPlaces {
  readonly #length: number;
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
    this.#length = text.length;
  }

  /** Line and column, from 1. An offset past the text counts as its end. */
  at(offset: number): { readonly line: number; readonly column: number } {
    const within = Math.min(offset, this.#length);
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= within) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: within - (this.#starts[low] ?? 0) + 1 };
  }
}

// Explains the errors of the YAML library to the author of the file.

/** @returns what is wrong, and what to write if that is known */
function describeSyntax({ code, message, pos }: YAMLError, text: string): readonly [string, string?] {
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

// Loads the YAML library when the first text is read.

const require = createRequire(import.meta.url);
let loaded: typeof YamlLibrary | undefined;

export function yaml(): typeof YamlLibrary {
  loaded ??= require(bundlePath('yaml')) as typeof YamlLibrary;
  return loaded;
}
