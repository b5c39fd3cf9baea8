// YAML text with the places of its values. Explains every syntax error to the author. Trusts the author, not the form.
import type { Document } from 'yaml';
import { ConfigError, type ConfigProblem } from './config-problem.js';
import { describeSyntax } from './describe-syntax.js';
import { yaml } from './load-yaml.js';
import { TextPlaces } from './text-places.js';

/** Aliases may expand to this many nodes. More is an error. */
const MAX_ALIASES = 10_000;
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
    try {
      this.#document = yaml().parseDocument(text, {
        uniqueKeys: true,
        // Otherwise !!binary and the like make values that a configuration cannot have.
        resolveKnownTags: false,
        logLevel: 'error',
      });
    } catch (cause) {
      // The parser is recursive.
      if (cause instanceof RangeError)
        throw new ConfigError([{ file: path, key: '', message: 'is nested too deeply' }]);
      throw cause;
    }
    const { errors, warnings } = this.#document;
    if (errors.some(({ message }) => message.includes('call stack')))
      throw new ConfigError([{ file: path, key: '', message: 'is nested too deeply' }]);
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

/** `plugins.web.allow[0]` */
function describeKey(key: KeyPath): string {
  return key.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
