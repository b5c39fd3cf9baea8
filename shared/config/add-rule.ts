// Adds an allow rule to the text of postern.yaml. Comments and order stay. Pure.
import type { Document, YAMLSeq } from 'yaml';
import { yaml } from './load-yaml.js';

/** The new text, or why there is none. */
export type AddedRule =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string };

/** @param rule one that can be read; if the plugin has it already, the text stays */
export function addRule(text: string, plugin: string, rule: string): AddedRule {
  const { isMap, isScalar, parseDocument } = yaml();
  const document = parseDocument(text, { uniqueKeys: true, logLevel: 'error' });
  if (document.errors.length > 0) return refuse('the file is no valid YAML now');
  const entry = document.getIn(['plugins', plugin], true);
  if (!isMap(entry)) return refuse(`the file has no plugin ${plugin} of its own`);
  const list = allowListOf(document, plugin);
  if (typeof list === 'string') return refuse(list);
  if (list.items.some((item) => isScalar(item) && item.value === rule)) return { ok: true, text };
  list.add(document.createNode(rule));
  const added = document.toString({ lineWidth: 0, flowCollectionPadding: /[{[] /.test(text) });
  return keepsAll(text, added, plugin, rule) ? { ok: true, text: added } : refuse('its form is too unusual');
}

/** The list in the file, made if it is missing. */
function allowListOf(document: Document.Parsed, plugin: string): YAMLSeq | string {
  const { isAlias, isScalar, isSeq } = yaml();
  const path = ['plugins', plugin, 'allow'];
  const list = document.getIn(path, true);
  if (isAlias(list)) return 'its list is an alias, which other lists share';
  if (isSeq(list))
    return list.anchor === undefined ? list : 'its list has an anchor, which other lists may share';
  if (list !== undefined && list !== null && !(isScalar(list) && list.value === null))
    return 'it has no list there';
  document.setIn(path, document.createNode([]));
  const made = document.getIn(path, true);
  return isSeq(made) ? made : 'it has no list there';
}

/** Whether nothing but this rule is new. */
function keepsAll(before: string, after: string, plugin: string, rule: string): boolean {
  const { isSeq, parseDocument } = yaml();
  const [old, now] = [before, after].map((text) => parseDocument(text, { logLevel: 'error' }));
  if (old === undefined || now === undefined || now.errors.length > 0) return false;
  const path = ['plugins', plugin, 'allow'];
  const rules = (document: Document): unknown[] => {
    const value: unknown = document.getIn(path);
    return isSeq(value) ? (value.toJSON() as unknown[]) : [];
  };
  if (JSON.stringify(rules(now)) !== JSON.stringify([...rules(old), rule])) return false;
  old.deleteIn(path);
  now.deleteIn(path);
  return JSON.stringify(old.toJS()) === JSON.stringify(now.toJS());
}

function refuse(problem: string): AddedRule {
  return { ok: false, problem };
}
