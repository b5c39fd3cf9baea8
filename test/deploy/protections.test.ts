import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeWithoutRow, type Marker, readMarkers } from '../../deploy/protections/markers.js';
import { mutantSource } from '../../deploy/protections/mutant-source.js';
import { readProofs } from '../../deploy/protections/proofs.js';

/** @returns the code without the comments of its markers, once each of them is applied alone */
function mutants(text: string, file = 'a.ts'): readonly string[] {
  return readMarkers(file, text).map((marker) => clean(mutantSource(text, [{ marker }])));
}

function clean(text: string): string {
  return text
    .replace(/\/\*.*?\*\/|^\s*(?:\/\/|#).*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
}

const only = (text: string): string | undefined => mutants(text)[0];

test('a statement behind a marker is removed, or code takes its place', () => {
  assert.equal(only('a();\n// protects: G1 x\nb();\nc();'), 'a(); c();');
  assert.equal(
    only('function f() {\n  // protects: G1 x => return 2;\n  return 1;\n}'),
    'function f() { return 2; }',
  );
  assert.equal(only('// protects: G1 x => if (a) $&\nb();'), 'if (a) b();');
  assert.equal(only('if (a)\n  // protects: G1 x\n  b();'), 'if (a) {}');
  assert.equal(only('/* protects: G1 x */ a && b();'), 'b();');
  assert.equal(only('// protects: G1 x\na && b();\nc();'), 'c();');
});

test('an if is removed down to its else', () => {
  assert.equal(only('// protects: G1 x\nif (a) b();\nelse c();'), 'c();');
  assert.equal(only('// protects: G1 x\nif (a) b();\nc();'), 'c();');
  assert.equal(only('if (a) b();\n// protects: G1 x\nelse if (c) d();\nelse e();'), 'if (a) b(); else e();');
  assert.equal(only('if (a) b();\n// protects: G1 x\nelse c();'), 'if (a) b(); else {}');
});

test('an operand is removed with its operator, wherever it stands', () => {
  assert.equal(only('f(/* protects: G1 x */ a && b && c);'), 'f( b && c);');
  assert.equal(only('f(a && /* protects: G1 x */ b && c);'), 'f(a && c);');
  assert.equal(only('f(a || /* protects: G1 x */ b.c(d));'), 'f(a);');
  assert.equal(only('g(A | /* protects: G1 x => 0 */ B | C);'), 'g(A | (0) | C);');
  assert.equal(only('f(\n  // protects: G1 x\n  a ??\n    b,\n);'), 'f( );');
  assert.equal(only('const y = (\n  // protects: G1 x\n  a &&\n  b\n);'), 'const y = ( b );');
});

test('an inline marker stops at an operand and at a condition, unless the whole is meant', () => {
  assert.equal(only('y = /* protects: G1 x => true */ a.b(c) === 1 && d;'), 'y = (true) && d;');
  assert.equal(only('y = /* protects: G1 x (whole) => true */ a && d;'), 'y = (true);');
  assert.equal(only('y = /* protects: G1 x => false */ a > b ? c : d;'), 'y = (false) ? c : d;');
  assert.equal(only('y = /* protects: G1 x (whole) => d */ a > b ? c : d;'), 'y = (d);');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  const template = ['y = `${/* protects: G1 x => b */ a.c}d`;', 'y = `${ (b)}d`;'] as const;
  assert.equal(only(template[0]), template[1]);
});

test('elements, arguments and properties are removed with their commas', () => {
  assert.equal(only('y = [/* protects: G1 x */ a, b];'), 'y = [ b];');
  assert.equal(only('y = [a, /* protects: G1 x */ ...b];'), 'y = [a];');
  assert.equal(only('f(a, /* protects: G1 x */ b);'), 'f(a);');
  assert.equal(only('y = {\n  // protects: G1 x\n  a: 1,\n  b,\n};'), 'y = { b, };');
  assert.equal(only('y = { a: /* protects: G1 x => 2 */ 1 };'), 'y = { a: (2) };');
  assert.equal(only('y = [/* protects: G1 x => ...[1, 2] */ a];'), 'y = [ ...[1, 2]];');
});

test('several markers stand above one node, and changes of one place work together', () => {
  const text =
    '// protects: G1 one => if (a) $&\n// protects: G2 two\n// test point: three => if (c) $&\nb();';
  assert.deepEqual(mutants(text), ['if (a) b();', '', 'if (c) b();']);
  const [one, , three] = readMarkers('a.ts', text).map((marker) => ({ marker }));
  assert.ok(one !== undefined && three !== undefined);
  assert.equal(clean(mutantSource(text, [one, three])), 'if (c) if (a) b();');
});

test('a marker names its guarantee, and says in words what else holds', () => {
  const text =
    'f(/* protects: G12 a name (of sorts) (with: one; another) (fails closed) (as root) => 1 */ 2);';
  const [marker] = readMarkers('a.ts', text);
  const { kind, name, guarantee, besides, failsClosed, asRoot } = marker as Marker;
  assert.deepEqual(
    { kind, name, guarantee, besides, failsClosed, asRoot },
    {
      kind: 'protection',
      name: 'a name (of sorts)',
      guarantee: 'G12',
      besides: ['one', 'another'],
      failsClosed: true,
      asRoot: true,
    },
  );
});

test('rows of a table share one marker', () => {
  const text = `const t = [
    // protects: G1 (row of table)
    { name: 'table.a', why: 'b' },
    // protects: G2 (row of table)
    { why: 'c' },
  ];
  f(/* protects: rows of table => t.filter((row) => row.name !== $name && $&) */ t);`;
  const [named, unnamed, rows] = readMarkers('a.ts', text);
  assert.ok(named !== undefined && unnamed !== undefined && rows !== undefined);
  assert.deepEqual([named.name, unnamed.name, rows.name], ['table.a', 'table: c', 'rows of table']);
  assert.equal(codeWithoutRow(rows.code, named), 't.filter((row) => row.name !== "table.a" && $&)');
  assert.match(codeWithoutRow(rows.code, unnamed), /!== "c"/);
});

test('a line of a shell script is replaced', () => {
  assert.deepEqual(mutants('a\n# protects: G1 x => c\nb\nd\n', 'a.sh'), ['a c d']);
});

test('a marker without a guarantee, a node or its code is an error, and text is no marker', () => {
  for (const [text, said] of [
    ['// protects: x\na();', /no guarantee/],
    ['a(); // protects: G1 x\n', /no node/],
    ['// protects: G1 x\nconst a = 1;', /needs code/],
    ['// protects: G1 x\nreturn 1;', /needs code/],
    ['a(/* protects: G1 (row of t) */ b);', /no row/],
  ] as const)
    assert.throws(() => readMarkers('a.ts', text), said);
  assert.deepEqual(readMarkers('a.ts', "const a = '// protects: G1 x';"), []);
});

test('the pattern of a test is read from its title', () => {
  const proved = (text: string): readonly (string | undefined)[] =>
    readProofs('a.test.ts', text).map(({ name, pattern }) => `${name}: ${pattern}`);
  assert.deepEqual(
    proved(`// proves: all
import a from 'a';
// proves: one
test('a (b)', () => {});
for (const user of users)
  // proves: two
  test(\`\${user} and \${b.c} end\`, () => {});
// proves: three
hostile({
  name: 'no way',
  // proves: four
  without: [],
});
const rows = [
  // proves: five
  ['a', 'the longest'],
];`),
    [
      'all: undefined',
      'one: a \\(b\\)',
      'two: .* and .* end',
      'three: no way: refused',
      'four: no way: heard without',
      'five: the longest',
    ],
  );
  assert.throws(() => proved('// proves: one\nconst a = 1;'), /no title/);
});
