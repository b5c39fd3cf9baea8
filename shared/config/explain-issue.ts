// Explains a finding of the schema to the author of the file: what is expected, what is there, what to write. Pure.
import type { z } from 'zod';
import { type ConfigProblem, closest, didYouMean } from './config-problem.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

/** @param schema of the file: its keys are the candidates for a mistyped one */
export function explainIssues(
  found: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  source: YamlSource,
): ConfigProblem[] {
  const issues = withoutRepetitions(found.flatMap(ofOneForm));
  const meant = new Set(issues.flatMap((issue) => meantKeys(issue, schema)));
  // A mistyped key is not reported as missing too.
  return issues
    .filter((issue) => !(isMissing(issue, source) && meant.has(asText(keyOf(issue)))))
    .flatMap((issue) => explainIssue(issue, schema, source));
}

/** The issues of the form that a value has, where several forms are possible. If it has none of them, the issue stays as it is. */
function ofOneForm(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const form = issue.errors.find(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return form?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** A huge number is no safe integer, and out of the range too: one sentence for both. */
function withoutRepetitions(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  const byText = new Map(issues.map((issue) => [asText([...keyOf(issue), issue.message]), issue]));
  return [...byText.values()];
}

/** The keys that unknown ones were probably meant to be. */
function meantKeys(issue: z.core.$ZodIssue, schema: z.ZodType): readonly string[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const parent = keyOf(issue);
  return issue.keys.flatMap((unknown) => {
    const meant = isOfPlugins(unknown, parent, schema) ? undefined : closest(unknown, keysAt(schema, parent));
    return meant === undefined ? [] : [asText([...parent, meant])];
  });
}

function isMissing(issue: z.core.$ZodIssue, source: YamlSource): boolean {
  return issue.code === 'invalid_type' && source.valueAt(keyOf(issue)) === undefined;
}

function keyOf({ path }: z.core.$ZodIssue): KeyPath {
  return path.filter((part) => typeof part !== 'symbol');
}

function asText(key: KeyPath): string {
  return JSON.stringify(key);
}

function explainIssue(issue: z.core.$ZodIssue, schema: z.ZodType, source: YamlSource): ConfigProblem[] {
  const key = keyOf(issue);
  const value = source.valueAt(key);
  // protects: G23 gateway: a mistake does not print what may be a secret => const isPrinted = true;
  const isPrinted =
    !['string', 'number', 'bigint'].includes(typeof value) || (key.length > 0 && key[0] !== 'secrets');
  const withheld = typeof value === 'string' ? 'a text' : 'a number';
  const found = isPrinted ? describeValue(value, source.writtenAt(key)) : withheld;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((unknown) =>
        source.keyProblem(key, unknown, 'unknown key', suggestKey(unknown, key, schema)),
      );
    case 'invalid_type':
      if (value === undefined) return [source.problem(key, `missing: ${issue.message}`)];
      return [
        source.problem(
          key,
          `${issue.message}, not ${found}`,
          isPrinted ? suggestValue(value, source.writtenAt(key), issue, key) : undefined,
        ),
      ];
    case 'invalid_value':
      return [
        source.problem(
          key,
          `${issue.message}, not ${found}`,
          typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : undefined,
        ),
      ];
    default:
      return [source.problem(key, `${issue.message}, not ${found}`)];
  }
}

function suggestKey(unknown: string, parent: KeyPath, schema: z.ZodType): string | undefined {
  if (unknown === '<<') return 'what is common to all plugins stands under defaults';
  if (isOfPlugins(unknown, parent, schema)) return 'each plugin has its own: it belongs to a plugin';
  if (parent.length > 0 && keysAt(schema, []).includes(unknown)) return 'it belongs to the top of the file';
  const here = keysAt(schema, parent);
  const near = didYouMean(unknown, here);
  if (near !== undefined) return near;
  if (parent.length === 0 && keysAt(schema, ['defaults']).includes(unknown))
    return 'it belongs to a plugin, or for all plugins under defaults';
  return here.length === 0 ? undefined : `there are ${here.join(', ')}`;
}

/** Whether a key under `defaults` belongs to plugins only. */
function isOfPlugins(unknown: string, parent: KeyPath, schema: z.ZodType): boolean {
  return parent.length === 1 && parent[0] === 'defaults' && keysAt(schema, ['plugins', '']).includes(unknown);
}

/** The keys that a map may have. */
function keysAt(schema: z.ZodType, path: KeyPath): readonly string[] {
  let node: unknown = schema;
  for (const part of path) node = step(unwrap(node), part);
  const found = unwrap(node);
  return isObject(found) ? Object.keys(found.shape) : [];
}

interface SchemaNode {
  readonly def?: {
    readonly type?: string;
    readonly innerType?: unknown;
    readonly valueType?: unknown;
    readonly element?: unknown;
    readonly options?: readonly unknown[];
  };
  readonly shape?: Readonly<Record<string, unknown>>;
}

function unwrap(node: unknown): SchemaNode | undefined {
  let inner = node as SchemaNode | undefined;
  while (inner?.def?.innerType !== undefined) inner = inner.def.innerType as SchemaNode;
  // Of several forms, the map has the keys.
  return inner?.def?.options?.map(unwrap).find(isObject) ?? inner;
}

function step(node: SchemaNode | undefined, part: string | number): unknown {
  return node?.shape?.[part] ?? node?.def?.valueType ?? node?.def?.element;
}

function isObject(
  node: SchemaNode | undefined,
): node is SchemaNode & { shape: Readonly<Record<string, unknown>> } {
  return node?.shape !== undefined;
}

/** @param written the value as in the file */
function describeValue(value: unknown, written: string | undefined): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  const text = (typeof value === 'string' ? undefined : written) ?? JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** The value that one of another type was probably meant to be. */
function suggestValue(
  value: unknown,
  written: string | undefined,
  { expected, message }: { readonly expected: string; readonly message: string },
  key: KeyPath,
): string | undefined {
  if (message === 'expected a string' && (typeof value === 'number' || typeof value === 'boolean'))
    return `write "${written ?? value}"`;
  if (message.includes('HOST:PORT') && typeof value === 'number') return `write 127.0.0.1:${value}`;
  if (typeof value !== 'string') return undefined;
  if (expected === 'array') return `write [${value.trim().split(/\s+/).map(quoteWord).join(', ')}]`;
  if (message.includes('{policy:')) return `write {policy: ${value}}`;
  return message.includes('whole number') ? suggestNumber(value, String(key.at(-1))) : undefined;
}

const UNITS: readonly { readonly of: RegExp; readonly units: Readonly<Record<string, number>> }[] = [
  { of: /_ms$/, units: { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } },
  { of: /_seconds$/, units: { s: 1, m: 60, h: 3600 } },
  { of: /_mib$/, units: { m: 1, mb: 1, mib: 1, g: 1024, gb: 1024, gib: 1024 } },
];

/** Suggests `500` for "500", `5000` for 5s under a key of milliseconds, `1024` for 1g under one of MiB. */
function suggestNumber(text: string, key: string): string | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})([a-z]*)$/.exec(text.toLowerCase()) ?? [];
  const factor = unit === '' ? 1 : UNITS.find(({ of }) => of.test(key))?.units[unit];
  return digits === undefined || factor === undefined ? undefined : `write ${Number(digits) * factor}`;
}

/** Quotes a word if YAML needs that within brackets. */
function quoteWord(word: string): string {
  return /^[\w./-][\w./:-]*$/.test(word) ? word : JSON.stringify(word);
}
