// Adds an allow rule to the text of postern.yaml. Comments and order stay. What anchors and merge keys share is not changed: the rule would hold for
// plugins that nobody approved it for. Pure.
import type { Document, YAMLSeq } from 'yaml';
import { MAX_ALIASES, parseYaml, yaml } from './yaml-source.js';

/** The new text, or why there is none. */
export type AddedRule =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string; readonly fix?: string };

/** @param rule one that can be read; if the plugin has it already, the text stays */
export function addRule(text: string, plugin: string, rule: string): AddedRule {
  const isThere = (document: Document.Parsed): boolean =>
    yaml().isMap(document.getIn(['plugins', plugin], true));
  return add(
    text,
    ['plugins', plugin, 'allow'],
    [rule],
    isThere,
    `the file has no plugin ${plugin} of its own`,
  );
}

/**
 * Adds to the `allow` list of a file of rules.
 *
 * @param comments without their `#`. Each is a rule with words behind ` #`, or words alone. One whose rule or words stand in the file is left out
 */
export function addToRuleFile(
  text: string,
  rules: readonly string[],
  comments: readonly string[],
): AddedRule {
  const known = new Set(text.split('\n').map((line) => keyOf(line.trim().replace(/^#\s*/, ''))));
  const more = comments.filter((comment) => !known.has(keyOf(comment.trim())));
  return add(text, ['allow'], rules, () => true, '', more);
}

function keyOf(comment: string): string {
  return comment.startsWith('- ') ? comment.replace(/ +#.*$/, '') : comment;
}

function add(
  text: string,
  path: readonly string[],
  rules: readonly string[],
  isThere: (document: Document.Parsed) => boolean,
  absent: string,
  comments: readonly string[] = [],
): AddedRule {
  const { isScalar } = yaml();
  const document = parseYaml(text);
  if (document === undefined || document.errors.length > 0) return refuse('the file is no valid YAML now');
  const refused = (problem: string): AddedRule => sharing(document, path) ?? refuse(problem);
  if (!isThere(document)) return refused(absent);
  const list = listAt(document, path);
  if (list === undefined) return refused('it has no list there');
  const more = rules.filter((rule) => !list.items.some((item) => isScalar(item) && item.value === rule));
  if (more.length + comments.length === 0) return { ok: true, text };
  for (const rule of more) list.add(document.createNode(rule));
  if (comments.length > 0) {
    // A comment ends a list in brackets.
    if (list.items.length > 0) list.flow = false;
    list.comment = [list.comment ?? [], comments.map((comment) => ` ${comment}`)].flat().join('\n');
  }
  const added = document.toString({ lineWidth: 0, flowCollectionPadding: /[{[] /.test(text) });
  // protects: G20 an approved rule is for one plugin alone
  if (!changesThis(text, added, path, more)) return refused('its form is too unusual');
  return { ok: true, text: added };
}

/** The list in the file, made if it is missing. */
function listAt(document: Document.Parsed, path: readonly string[]): YAMLSeq | undefined {
  const { isScalar, isSeq } = yaml();
  const list = document.getIn(path, true);
  if (isSeq(list)) return list;
  if (list !== undefined && list !== null && !(isScalar(list) && list.value === null)) return undefined;
  document.setIn(path, document.createNode([]));
  const made = document.getIn(path, true);
  return isSeq(made) ? made : undefined;
}

/** Whether nothing but these rules in this list is new, with all aliases and merge keys carried out. */
function changesThis(
  before: string,
  after: string,
  path: readonly string[],
  rules: readonly string[],
): boolean {
  const { Document, isSeq, parseDocument } = yaml();
  const [old, now] = [before, after].map((text) =>
    JSON.stringify(parseDocument(text).toJS({ maxAliasCount: MAX_ALIASES })),
  );
  const wanted = new Document(JSON.parse(old ?? '') ?? {});
  const list = wanted.getIn(path);
  wanted.setIn(path, [...(isSeq(list) ? list.items : []), ...rules]);
  return now === JSON.stringify(wanted.toJS());
}

/** Why the list, or something that holds it, stands in other places too. @returns undefined if it does not */
function sharing(document: Document.Parsed, whole: readonly string[]): AddedRule | undefined {
  const { isAlias, isMap, isNode, isScalar, visit } = yaml();
  const aliases = new Set<string>();
  visit(document, { Alias: (_key, { source }) => void aliases.add(source) });
  for (const path of [[], ...whole.map((_part, index) => whole.slice(0, index + 1))]) {
    const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
    const place = path.length === 0 ? 'the file' : path.join('.');
    const shared = (how: string, word: string): AddedRule =>
      refuse(
        `${place} ${how}, so the rule would hold elsewhere too`,
        `write ${place} in full, without "${word}", or approve the destination for this run`,
      );
    if (isAlias(node)) return shared(`is "*${node.source}"`, `*${node.source}`);
    if (!isNode(node)) return undefined;
    const { anchor } = node;
    if (anchor !== undefined && aliases.has(anchor))
      return shared(`has the anchor "&${anchor}", which "*${anchor}" uses`, `&${anchor}`);
    if (isMap(node) && node.items.some(({ key }) => isScalar(key) && key.source === '<<'))
      return shared('takes keys of another map by "<<"', '<<');
  }
  return undefined;
}

function refuse(problem: string, fix?: string): AddedRule {
  return { ok: false, problem, ...(fix !== undefined && { fix }) };
}
