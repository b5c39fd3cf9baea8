// docs/config.md, from the schema of postern.yaml, and the table of docs/limits.md.
import { CALL_FORMS } from '../../shared/config/call-forms.js';
import { configJsonSchema } from '../../shared/config/json-schema.js';
import { LIMIT_FORMS, type LimitForm } from '../../shared/config/limit-forms.js';
import { choice, code, table } from './markdown.js';

/** A node of the JSON Schema, as far as postern.yaml has it. */
interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly const?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly SchemaNode[];
  readonly additionalProperties?: SchemaNode | boolean;
}

/** Lists with more choices than these are described elsewhere. */
const MOST_CHOICES = 5;

interface ConfigSection {
  readonly title: string;
  /** Key, value, default and meaning, as Markdown. */
  readonly rows: readonly (readonly string[])[];
}

/** The keys of postern.yaml, by where they stand. */
export function configSections(): readonly [top: ConfigSection, shared: ConfigSection, own: ConfigSection] {
  const schema = configJsonSchema() as SchemaNode;
  const { defaults, plugins } = schema.properties ?? {};
  const plugin = plugins?.additionalProperties;
  if (defaults === undefined || typeof plugin !== 'object') throw new Error('The schema has another shape');
  const own = { ...plugin, properties: without(plugin, Object.keys(defaults.properties ?? {})) };
  return [
    { title: 'At the top', rows: rowsOf(withoutKeysOf(schema, 'defaults'), '') },
    { title: 'Of a plugin, and of defaults', rows: rowsOf(withoutKeysOf(defaults, 'limits'), '') },
    { title: 'Only of a plugin', rows: rowsOf(own, '') },
  ];
}

export function configPage(): string {
  const [top, shared, own] = configSections();
  return `# postern.yaml

\`postern init\` writes a first file, \`postern check\` reports every mistake in one, and \`postern up\` runs it. Paths are relative to the
folder of the file. An unknown key is an error. A JSON Schema for editors comes with the package, as \`postern.schema.json\`.

## ${top.title}
${keyTable(top)}

## ${shared.title}
These keys stand below \`plugins.NAME\`, or below \`defaults\` for all plugins. A plugin adds its lists and maps to those of \`defaults\`.
Its single values replace those of \`defaults\`.

${keyTable(shared)}

[docs/limits.md](limits.md) has the limits, with their ranges and defaults, and what happens past each.

## ${own.title}
${keyTable(own)}

## Files of rules
A file that \`presets\` or \`--rules\` names has two keys, \`allow\` and \`deny\`. Both are lists of [rules](rules.md).
A preset that is named twice counts once. All plugins together have 500,000 rules at most: a preset counts for each plugin that names it.

## System calls
\`seccomp\`, \`--seccomp-allow\` and \`--unsafe-seccomp-allow\` add calls to [those of every plugin](sandbox.md#system-calls):

${callTable()}

A call that is "never" added would end a guarantee of [SECURITY.md](../SECURITY.md).
`;
}

/** The table of docs/limits.md. */
export function limitTable(): string {
  return table(
    ['limit', 'bounds', 'default', 'range', 'past it'],
    Object.entries<LimitForm>(LIMIT_FORMS).map(([name, form]) => [
      code(name),
      form.help,
      String(form.default ?? 'none'),
      `${form.min} to ${form.max}`,
      form.past,
    ]),
  );
}

function without(
  { properties = {} }: SchemaNode,
  names: readonly string[],
): Readonly<Record<string, SchemaNode>> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
}

/** A map whose keys another table has. */
function withoutKeysOf(node: SchemaNode, name: string): SchemaNode {
  return {
    ...node,
    properties: { ...node.properties, [name]: { ...node.properties?.[name], properties: {} } },
  };
}

function keyTable({ rows }: ConfigSection): string {
  return table(['key', 'value', 'default', 'meaning'], rows);
}

function rowsOf(node: SchemaNode, path: string): (readonly string[])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, value]) => {
    const key = path === '' ? name : `${path}.${name}`;
    const must = node.required?.includes(name) === true ? 'required' : '';
    const usual = value.default === undefined ? must : code(String(value.default));
    const row = [code(key), typeText(value), usual, value.description ?? ''];
    const map = value.anyOf?.find(({ properties }) => properties !== undefined);
    if (map !== undefined) return [row, ...rowsOf(map, key)];
    const values = value.additionalProperties;
    // The keys of a plugin have their own table.
    if (typeof values === 'object' && values.properties !== undefined && name !== 'plugins')
      return [row, ...rowsOf(values, `${key}.NAME`)];
    const item = value.items?.properties === undefined ? undefined : value.items;
    return [row, ...rowsOf(item ?? value, item === undefined ? key : `${key}[]`)];
  });
}

function typeText({
  type = '',
  enum: words,
  const: only,
  minimum,
  maximum,
  items,
  properties,
  additionalProperties,
  anyOf,
}: SchemaNode): string {
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ');
  if (words !== undefined) return words.length > MOST_CHOICES ? 'name' : choice(words);
  if (only !== undefined) return code(String(only));
  if (type === 'integer') return `${minimum} to ${maximum}`;
  if (type === 'array') return `list of ${plural(items)}`;
  if (type !== 'object') return type;
  if (properties !== undefined) return 'map';
  return typeof additionalProperties === 'object' ? `map of ${plural(additionalProperties)}` : 'map';
}

function plural(node: SchemaNode | undefined): string {
  const text = node === undefined ? 'value' : typeText(node);
  // Words of a list of choices have no plural.
  return node?.enum === undefined || text === 'name' ? `${text}s` : text;
}

function callTable(): string {
  const groups = new Map<string, { readonly by: string; readonly why: string; readonly calls: string[] }>();
  for (const [call, { by, why }] of CALL_FORMS) {
    const group = groups.get(by + why) ?? { by, why, calls: [] };
    group.calls.push(call);
    groups.set(by + why, group);
  }
  return table(
    ['calls', 'added by', 'because'],
    [...groups.values()].map(({ by, why, calls }) => [
      calls.map(code).join(', '),
      by === 'never' ? 'never' : code(`seccomp.${by}`),
      why,
    ]),
  );
}
