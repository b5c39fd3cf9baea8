// Reads the markers that stand beside each protection in the sources. A marker says how a build without the protection differs. npm run prove
// makes that build, and a test must notice. SECURITY.md's table of guarantees is made from the markers too. Pure.
//
// A protection:
//   // protects: G8 NAME              The node that begins behind the comment is removed.
//   // protects: G8 NAME => CODE      CODE takes its place. `$&` in CODE is the node's own text.
// The same in an expression: /* protects: G8 NAME => CODE */ operand. In a shell script: `# protects: …` above a line.
// `// test point: NAME => CODE` is the same without a guarantee. It is no protection: a test needs another build, or has its own code for it.
//
// Which node: many begin behind the comment, one within the other. `//` means the outermost one: a statement, an element, a property.
// `/* */` means the outermost one too, but stops at an operand of `&&`, `||`, `??` and `|`, and at the condition of `? :`. So does `//` at the
// beginning of parentheses. With the word (whole) both mean the outermost one.
//
// What is removed: a statement, an `if` down to its else, an element or an argument, a property, an operand with its operator. Code must
// take the place of all else.
//
// Words in parentheses behind the name:
//   (with: OTHER; ANOTHER)   They hold the same. They are taken away too, and this protection alone must hold then.
//   (fails closed)           Without it nothing starts.
//   (as root)                Only tests as root notice.
//   (own code)               The code is long, or a test makes it: see test/mutation/own-code.ts. For a test point that nothing removes, this
//                            is implied.
//   (whole)                  See above.
//   (row of TABLE)           It stands above a row of a table and has no name: the row's `name` is the name, or else TABLE and the row's `why`.
//                            The marker `protects: rows of TABLE => CODE` is in the code that takes the rows. `$name` is the row's name there.
// Several markers may have one name: all of them are applied.
import ts from 'typescript';

export interface Marker {
  /** `rows`: it takes away a row of a table. */
  readonly kind: 'protection' | 'test point' | 'rows';
  readonly name: string;
  /** As SECURITY.md calls it, for example G8. A test point has none. */
  readonly guarantee: string | undefined;
  /** Below the top folder, with its extension. */
  readonly file: string;
  /** Where the text is that the mutant does not have. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What replaces it. `$&` is its text. */
  readonly code: string;
  readonly isExpression: boolean;
  /** The names of others that hold the same. */
  readonly besides: readonly string[];
  readonly failsClosed: boolean;
  readonly asRoot: boolean;
  /** The marker has no code, and nothing can be removed. */
  readonly ownCode: boolean;
  /** The table whose row this is. */
  readonly rowOf: string | undefined;
}

const MARKER = /(?<open>\/\/|\/\*|^ *#) (?<kind>protects|test point): (?<rest>.*?)(?: \*\/|$)/gm;
const ROWS = /^rows of [\w ]+$/;
const WORDS = /^(?:with: .*|fails closed|as root|own code|whole|row of .*)$/;

interface Found {
  /** Where the comment begins. */
  readonly at: number;
  /** Behind the comment. */
  readonly behind: number;
  readonly isInline: boolean;
  readonly kind: 'protection' | 'test point';
  readonly rest: string;
}

/** The markers of a source file. @throws Error for one that names no node, or whose node needs code */
export function readMarkers(file: string, text: string): readonly Marker[] {
  if (!/(?:protects|test point): /.test(text)) return [];
  return file.endsWith('.sh') ? shellMarkers(file, text) : scriptMarkers(file, text);
}

function shellMarkers(file: string, text: string): readonly Marker[] {
  return found(text).map(({ behind, kind, rest }) => {
    const start = /(?:\n#.*)*\n/y;
    start.lastIndex = behind;
    start.exec(text);
    const end = text.indexOf('\n', start.lastIndex);
    const line = text.slice(start.lastIndex, end);
    const { code = '', ...said } = parse(rest, file, kind);
    return { ...said, file, start: start.lastIndex, end, text: line, code, isExpression: false };
  });
}

function scriptMarkers(file: string, text: string): readonly Marker[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  return found(text)
    .filter(({ at }) => isComment(source, at))
    .map((one) => scriptMarker(source, one));
}

function scriptMarker(source: ts.SourceFile, one: Found): Marker {
  const { kind, rest } = one;
  const file = source.fileName;
  const fail = (what: string): never => {
    throw new Error(`${file}: ${what}: ${rest}`);
  };
  const said = parse(rest, file, kind);
  const node = nodeBehind(source, one, rest.includes('(whole)')) ?? fail('no node begins behind this marker');
  const text = node.getText(source);
  const place = { file, start: node.getStart(source), end: node.end, text, isExpression: isClosed(node) };
  if (said.rowOf !== undefined)
    return {
      ...said,
      ...place,
      name: rowName(node, said.rowOf) ?? fail('this is no row of a table'),
      code: '$&',
    };
  if (said.code !== undefined) return { ...said, ...place, code: said.code };
  const removed = said.ownCode ? undefined : removal(node, source);
  if (removed !== undefined) return { ...said, ...place, isExpression: false, ...removed };
  if (kind === 'protection' && !said.ownCode) return fail('this needs code to replace it');
  return { ...said, ...place, code: '$&', ownCode: true };
}

/** Whether parentheses around it keep its meaning. */
function isClosed(node: ts.Node): boolean {
  return ts.isExpression(node) && !ts.isSpreadElement(node);
}

function found(text: string): readonly Found[] {
  return [...text.matchAll(MARKER)].map((match) => {
    const { open = '', kind = '', rest = '' } = match.groups ?? {};
    return {
      at: match.index,
      behind: match.index + match[0].length,
      isInline: open === '/*',
      kind: kind === 'protects' ? 'protection' : 'test point',
      rest,
    };
  });
}

type Said = Omit<Marker, 'file' | 'start' | 'end' | 'text' | 'code' | 'isExpression'> & {
  readonly code: string | undefined;
};

function parse(rest: string, file: string, kind: Found['kind']): Said {
  const arrow = rest.indexOf(' => ');
  let head = (arrow < 0 ? rest : rest.slice(0, arrow)).trim();
  const words: string[] = [];
  for (;;) {
    const last = /^(?<before>.*?) ?\((?<word>[^()]*)\)$/.exec(head)?.groups;
    if (last === undefined || !WORDS.test(last['word'] ?? '')) break;
    words.push(last['word'] ?? '');
    head = last['before'] ?? '';
  }
  const guarantee = kind === 'protection' ? /^G\d+/.exec(head)?.[0] : undefined;
  const isOfRows = ROWS.test(head);
  if (kind === 'protection' && guarantee === undefined && !isOfRows)
    throw new Error(`${file}: no guarantee: ${rest}`);
  const after = (start: string): string | undefined =>
    words.find((word) => word.startsWith(start))?.slice(start.length);
  return {
    kind: isOfRows ? 'rows' : kind,
    guarantee,
    name: head.slice(guarantee?.length ?? 0).trim(),
    code: arrow < 0 ? undefined : rest.slice(arrow + 4).trim(),
    besides: after('with: ')?.split('; ') ?? [],
    failsClosed: words.includes('fails closed'),
    asRoot: words.includes('as root'),
    ownCode: words.includes('own code'),
    rowOf: after('row of '),
  };
}

/** Whether a comment begins there, and no part of a string. */
export function isComment(source: ts.SourceFile, at: number): boolean {
  let inside = childAt(source, at, source);
  for (; inside !== undefined; inside = childAt(inside, at, source))
    if (inside.getChildCount(source) === 0) return false;
  return true;
}

function childAt(node: ts.Node, place: number, source: ts.SourceFile): ts.Node | undefined {
  return ts.forEachChild(node, (child) =>
    child.getFullStart() <= place && place < child.end && child.getStart(source) <= place ? child : undefined,
  );
}

/** The formatter puts a comment of an else branch before its `else`. */
const SPACE = /(?:\s|\/\/.*|\/\*[\s\S]*?\*\/|else\b)*/y;

/** The nodes that begin at the first token behind a comment, the outermost first. */
export function nodesBehind(source: ts.SourceFile, behind: number): readonly ts.Node[] {
  SPACE.lastIndex = behind;
  SPACE.exec(source.text);
  const start = SPACE.lastIndex;
  const nodes: ts.Node[] = [];
  let inside = childAt(source, start, source);
  for (; inside !== undefined; inside = childAt(inside, start, source))
    if (inside.getStart(source) === start && !ts.isTemplateSpan(inside)) nodes.push(inside);
  return nodes;
}

function nodeBehind(source: ts.SourceFile, { behind, isInline }: Found, whole: boolean): ts.Node | undefined {
  const nodes = nodesBehind(source, behind);
  const [outermost] = nodes;
  if (outermost === undefined || whole) return outermost;
  if (!isInline && !isPartOfExpression(outermost)) return outermost;
  return nodes.findLast((node) => isOperand(node)) ?? outermost;
}

function isPartOfExpression(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isExpression(node) && (ts.isParenthesizedExpression(parent) || !isListed(node, parent));
}

function isOperand(node: ts.Node): boolean {
  const { parent } = node;
  return isChain(parent) || (ts.isConditionalExpression(parent) && parent.condition === node);
}

const CHAINS = [
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.BarToken,
];

function isChain(node: ts.Node): node is ts.BinaryExpression {
  return ts.isBinaryExpression(node) && CHAINS.includes(node.operatorToken.kind);
}

type Removal = Pick<Marker, 'start' | 'end' | 'code'>;

function removal(node: ts.Node, source: ts.SourceFile): Removal | undefined {
  const start = node.getStart(source);
  const { end, parent } = node;
  if (ts.isIfStatement(node)) {
    const code = node.elseStatement?.getText(source);
    return { start, end, code: code ?? (isListed(node, parent) ? '' : '{}') };
  }
  if (ts.isReturnStatement(node) || ts.isVariableStatement(node)) return undefined;
  if (isChain(parent))
    return node === parent.left
      ? { start, end: parent.right.getStart(source), code: '' }
      : { start: parent.left.end, end, code: '' };
  const list = listOf(node, parent);
  if (ts.isStatement(node)) return { start, end, code: list === undefined ? '{}' : '' };
  if (list === undefined) return undefined;
  const index = list.indexOf(node);
  const next = list[index + 1];
  if (ts.isClassElement(node) || ts.isTypeElement(node)) return { start, end, code: '' };
  if (next !== undefined) return { start, end: next.getStart(source), code: '' };
  const before = list[index - 1];
  // Alone, it takes the comma behind it along.
  return before === undefined ? { start, end: list.end, code: '' } : { start: before.end, end, code: '' };
}

function isListed(node: ts.Node, parent: ts.Node): boolean {
  return listOf(node, parent) !== undefined;
}

/** The list that the node is a part of: statements, elements, arguments or properties. */
function listOf(node: ts.Node, parent: ts.Node): ts.NodeArray<ts.Node> | undefined {
  const lists: (ts.NodeArray<ts.Node> | undefined)[] = [];
  if (ts.isBlock(parent) || ts.isSourceFile(parent) || ts.isCaseOrDefaultClause(parent))
    lists.push(parent.statements);
  if (ts.isArrayLiteralExpression(parent)) lists.push(parent.elements);
  if (ts.isObjectLiteralExpression(parent)) lists.push(parent.properties);
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) lists.push(parent.arguments);
  if (ts.isClassLike(parent) || ts.isInterfaceDeclaration(parent) || ts.isTypeLiteralNode(parent))
    lists.push(parent.members);
  return lists.find((list) => list?.includes(node) === true);
}

function rowName(node: ts.Node, table: string): string | undefined {
  if (!ts.isObjectLiteralExpression(node)) return undefined;
  const text = (key: string): string | undefined => {
    const property = node.properties.find(
      (one) => ts.isPropertyAssignment(one) && ts.isIdentifier(one.name) && one.name.text === key,
    );
    if (property === undefined || !ts.isPropertyAssignment(property)) return undefined;
    return ts.isStringLiteralLike(property.initializer) ? property.initializer.text : undefined;
  };
  const why = text('why');
  return text('name') ?? (why === undefined ? undefined : `${table}: ${why}`);
}

/** The code that leaves out one row. @param code of the marker with the kind `rows` */
export function codeWithoutRow(code: string, { name, rowOf = '' }: Marker): string {
  const prefix = `${rowOf}: `;
  return code.replaceAll('$name', () =>
    JSON.stringify(name.startsWith(prefix) ? name.slice(prefix.length) : name),
  );
}
