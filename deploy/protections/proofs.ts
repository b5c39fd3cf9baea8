// Reads what tests declare to prove. Pure.
//   // proves: NAME    above a call of test() or hostile(), or above a row of a table of tests: that test notices when the protection is gone.
//                      Above the property `without` of hostile(): the test without these protections does, for what holds when they are gone.
//                      Above the first import: any test of the file does.
//   // proves: G8      The test belongs to the guarantee as a whole. SECURITY.md lists it.
// Which tests of the file run is read from the code. The title is the first text among the call's arguments, or the property `name` of its
// object. Of a row without a `name` it is the longest text. A placeholder in it stands for any text.
import ts from 'typescript';
import { isComment, nodesBehind } from './markers.js';

export interface Proof {
  /** A protection's, or that of a guarantee. */
  readonly name: string;
  /** The test file, below the top folder. */
  readonly file: string;
  /** A regular expression for the titles of its tests. Missing: all tests of the file. */
  readonly pattern: string | undefined;
}

const PROVES = /^ *\/\/ proves: (?<name>.*)$/gm;

/** @throws Error for a declaration above something without a title */
export function readProofs(file: string, text: string): readonly Proof[] {
  if (!text.includes('// proves: ')) return [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found = [...text.matchAll(PROVES)].filter(({ index }) => isComment(source, text.indexOf('/', index)));
  return found.map((match) => {
    const name = match.groups?.['name'] ?? '';
    const [node] = nodesBehind(source, match.index + match[0].length);
    if (node !== undefined && ts.isImportDeclaration(node)) return { name, file, pattern: undefined };
    const title = node === undefined ? undefined : titleOf(node);
    if (title === undefined) throw new Error(`${file}: no title of a test behind: ${match[0].trim()}`);
    return { name, file, pattern: title };
  });
}

function titleOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAssignment(node) && node.name.getText() === 'without') {
    const title = named(node.parent);
    return title === undefined ? undefined : `${title}: heard without`;
  }
  const call = callIn(node);
  if (call === undefined) return named(node) ?? longestText(node);
  const title = call.arguments.map((one) => textOf(one) ?? named(one)).find((one) => one !== undefined);
  const isHostile = ts.isIdentifier(call.expression) && call.expression.text === 'hostile';
  return title !== undefined && isHostile ? `${title}: refused` : title;
}

/** The call of a statement, also one below `for` and `if`. */
function callIn(node: ts.Node): ts.CallExpression | undefined {
  if (ts.isCallExpression(node)) return node;
  if (ts.isExpressionStatement(node) || ts.isAwaitExpression(node)) return callIn(node.expression);
  if (ts.isForOfStatement(node)) return callIn(node.statement);
  if (ts.isIfStatement(node)) return callIn(node.thenStatement);
  if (ts.isBlock(node)) {
    for (const one of node.statements) {
      const call = callIn(one);
      if (call !== undefined) return call;
    }
  }
  return undefined;
}

function named(node: ts.Node): string | undefined {
  if (!ts.isObjectLiteralExpression(node)) return undefined;
  const property = node.properties.find(
    (one) => ts.isPropertyAssignment(one) && ts.isIdentifier(one.name) && one.name.text === 'name',
  );
  return property !== undefined && ts.isPropertyAssignment(property)
    ? textOf(property.initializer)
    : undefined;
}

function longestText(node: ts.Node): string | undefined {
  let longest = textOf(node);
  ts.forEachChild(node, (child) => {
    const text = longestText(child);
    if (text !== undefined && text.length > (longest?.length ?? 0)) longest = text;
  });
  return longest;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/^\//, '[/]');

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return escaped(node.text);
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head, ...node.templateSpans.map(({ literal }) => literal)]
    .map(({ text }) => escaped(text))
    .join('.*');
}
