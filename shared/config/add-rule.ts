// Adds an allow rule to the text of postern.yaml. Comments and order stay. What anchors and merge keys share is not changed: the rule would hold for
// plugins that nobody approved it for. Pure.
import type { Document, YAMLSeq } from 'yaml';
import { parseYaml, yaml } from './yaml-source.js';

/** The new text, or why there is none. */
export type AddedRule =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string; readonly fix?: string };

/** @param rule one that can be read; if the plugin has it already, the text stays */
export function addRule(text: string, plugin: string, rule: string): AddedRule {
  const { isMap, isScalar } = yaml();
  const document = parseYaml(text);
  if (document === undefined || document.errors.length > 0) return refuse('the file is no valid YAML now');
  const refused = (problem: string): AddedRule => sharing(document, plugin) ?? refuse(problem);
  if (!isMap(document.getIn(['plugins', plugin], true)))
    return refused(`the file has no plugin ${plugin} of its own`);
  const list = allowListOf(document, plugin);
  if (list === undefined) return refused('it has no list there');
  if (list.items.some((item) => isScalar(item) && item.value === rule)) return { ok: true, text };
  list.add(document.createNode(rule));
  const added = document.toString({ lineWidth: 0, flowCollectionPadding: /[{[] /.test(text) });
  // protects: G20 an approved rule is for one plugin alone
  if (!changesThis(text, added, plugin, rule)) return refused('its form is too unusual');
  return { ok: true, text: added };
}

/** The list in the file, made if it is missing. */
function allowListOf(document: Document.Parsed, plugin: string): YAMLSeq | undefined {
  const { isScalar, isSeq } = yaml();
  const path = ['plugins', plugin, 'allow'];
  const list = document.getIn(path, true);
  if (isSeq(list)) return list;
  if (list !== undefined && list !== null && !(isScalar(list) && list.value === null)) return undefined;
  document.setIn(path, document.createNode([]));
  const made = document.getIn(path, true);
  return isSeq(made) ? made : undefined;
}

/** Whether nothing but this rule of this plugin is new, with all aliases and merge keys carried out. */
function changesThis(before: string, after: string, plugin: string, rule: string): boolean {
  const { Document, isSeq, parseDocument } = yaml();
  const [old, now] = [before, after].map((text) => JSON.stringify(parseDocument(text).toJS()));
  const wanted = new Document(JSON.parse(old ?? ''));
  const path = ['plugins', plugin, 'allow'];
  const list = wanted.getIn(path);
  wanted.setIn(path, [...(isSeq(list) ? list.items : []), rule]);
  return now === JSON.stringify(wanted.toJS());
}

/** Why the list, or something that holds it, stands in other places too. @returns undefined if it does not */
function sharing(document: Document.Parsed, plugin: string): AddedRule | undefined {
  const { isAlias, isMap, isNode, isScalar, visit } = yaml();
  const aliases = new Set<string>();
  visit(document, { Alias: (_key, { source }) => void aliases.add(source) });
  for (const path of [[], ['plugins'], ['plugins', plugin], ['plugins', plugin, 'allow']]) {
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
