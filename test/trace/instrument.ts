// Puts counters into a compiled module, and reads from it what says whether it ran. Lines stay where they are.
import ts from 'typescript';

/** The one module that a traced build has and an ordinary one has not, below dist. */
export const COUNTERS = 'shared/traced-counters';

/**
 * - `functions`: it ran if one of its functions did, after it was loaded. A bundle loads all its modules, whatever it does then.
 * - `program`: its work is to be loaded. A process or a thread begins with it, or it is imported for that alone.
 * - `table`: it exports no function, only values. It ran where a module that imports it did.
 * - `types`: nothing is left of it at run time.
 */
export type ModuleKind = 'functions' | 'program' | 'table' | 'types';

/** A compiled module, as its text says. */
export interface ModuleText {
  /** Where the body of each function begins and ends, and whether that is an expression. */
  readonly bodies: readonly FunctionBody[];
  readonly isEmpty: boolean;
  /** Whether it exports a function, a class, or an object that holds a function. */
  readonly exportsCode: boolean;
  /** What it imports of the same tree, as it is written there. */
  readonly imports: readonly string[];
  /** What it imports for effect alone. */
  readonly effects: readonly string[];
}

interface FunctionBody {
  readonly start: number;
  readonly end: number;
  readonly isBlock: boolean;
}

/** @param text a compiled ES module */
export function readModule(text: string): ModuleText {
  const file = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, false, ts.ScriptKind.JS);
  const bodies: FunctionBody[] = [];
  const imports: string[] = [];
  const effects: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = importOf(node);
    if (specifier?.startsWith('.') === true) {
      imports.push(specifier);
      if (ts.isImportDeclaration(node) && node.importClause === undefined) effects.push(specifier);
    }
    const body = ts.isFunctionLike(node) && 'body' in node ? (node.body as ts.Node | undefined) : undefined;
    if (body !== undefined)
      bodies.push({ start: body.getStart(file), end: body.end, isBlock: ts.isBlock(body) });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return {
    bodies,
    imports,
    effects,
    isEmpty: file.statements.every(isNothing),
    exportsCode: file.statements.some(exportsCode),
  };
}

/** The module that a declaration or a call of import() names. */
function importOf(node: ts.Node): string | undefined {
  const named =
    ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
        ? node.arguments[0]
        : undefined;
  return named !== undefined && ts.isStringLiteral(named) ? named.text : undefined;
}

/** `export {}`, which the compiler leaves of a file of types. */
function isNothing(statement: ts.Statement): boolean {
  return (
    ts.isExportDeclaration(statement) &&
    statement.moduleSpecifier === undefined &&
    statement.exportClause !== undefined &&
    ts.isNamedExports(statement.exportClause) &&
    statement.exportClause.elements.length === 0
  );
}

function exportsCode(statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return isCode(statement.expression);
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
  if (!isExported) return false;
  if (!ts.isVariableStatement(statement)) return true;
  return statement.declarationList.declarations.some(({ initializer }) => isCode(initializer));
}

/** What a call gives is a value here: the module's own functions may have run only to make it. */
function isCode(value: ts.Node | undefined): boolean {
  if (value === undefined) return false;
  if (ts.isFunctionLike(value) || ts.isClassExpression(value)) return true;
  if (ts.isArrayLiteralExpression(value)) return value.elements.some(isCode);
  if (!ts.isObjectLiteralExpression(value)) return false;
  return value.properties.some((one) => isCode(ts.isPropertyAssignment(one) ? one.initializer : one));
}

/**
 * Adds the counters.
 *
 * @param place the module's byte in the counters, not 0: that one takes what runs while a module loads
 * @param counters how the module imports counters.ts
 */
export function instrument(
  text: string,
  { bodies }: ModuleText,
  { kind, place, counters }: { readonly kind: ModuleKind; readonly place: number; readonly counters: string },
): string {
  if (kind === 'table' || kind === 'types') return text;
  const begin = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
  const isProgram = kind === 'program';
  const insertions: [at: number, text: string][] = [
    [
      begin,
      `import { ran as __ran } from ${JSON.stringify(counters)}; var __at = ${isProgram ? place : 0};${isProgram ? ' __ran[__at] = 1;' : ''} `,
    ],
    ...bodies.flatMap(({ start, end, isBlock }): [number, string][] =>
      isBlock
        ? [[start + 1, '__ran[__at] = 1;']]
        : [
            [start, '(__ran[__at] = 1, '],
            [end, ')'],
          ],
    ),
    ...(isProgram ? [] : [[text.length, `\n__at = ${place};\n`] as [number, string]]),
  ];
  // Two of one place are ends of functions, and alike.
  insertions.sort(([one], [other]) => one - other);
  let traced = '';
  let copied = 0;
  for (const [at, what] of insertions) {
    traced += `${text.slice(copied, at)}/*traced*/${what}/*.*/`;
    copied = at;
  }
  return traced + text.slice(copied);
}
