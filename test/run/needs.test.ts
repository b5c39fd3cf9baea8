import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { fixOf, listNeeds, NEEDS, needsOf } from './needs.js';
import { testFiles } from './test-files.js';

/** A program of the table. Its name is filled in below: this file is searched for needs too. */
const PROGRAM = 'rsync';
const uses = (text: string): boolean => NEEDS.find(({ name }) => name === PROGRAM)?.used.test(text) === true;

/** A folder of tests with these files. @returns the names of what the test file `it` needs */
function needsIn(files: Readonly<Record<string, string>>): readonly string[] {
  const folder = `${readableFolder()}/`;
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return needsOf('room/it', folder).map(({ name }) => name);
}

const starting = `${PROGRAM} -a one two\n`;

test('a program is recognised where it is started', () => {
  for (const text of [
    `spawn('${PROGRAM}', [])`,
    `execFileSync(\n  "${PROGRAM}")`,
    `const words = ['${PROGRAM}', '-a'];`,
    `await run([...['${PROGRAM}', '-a'], more]);`,
    `join('/usr/bin/${PROGRAM}')`,
    `#!/usr/bin/${PROGRAM}\n`,
    `\n${PROGRAM} -a one two`,
    `'cd one && ${PROGRAM} -a . two'`,
    `'postern run -- ${PROGRAM} one two'`,
    `for one in 1 2; do ${PROGRAM} $one; done`,
    `"$(${PROGRAM} 'one')"`,
  ])
    assert.ok(uses(text), text);
});

test('the name of a program in a sentence, in data or in a longer word is no use of it', () => {
  for (const text of [
    `assert.equal(program, '${PROGRAM}');`,
    `{ program: '${PROGRAM}', port: 80 }`,
    `test('what an ${PROGRAM} does', () => {`,
    `'/usr/bin/${PROGRAM}-ssl'`,
    `import { ${PROGRAM} } from './${PROGRAM}.js';`,
  ])
    assert.ok(!uses(text), text);
});

test('a need is found in the test, in what it imports, in files that these name, and behind them', () => {
  assert.deepEqual(needsIn({ 'room/it.test.js': starting }), [PROGRAM]);
  const imports = "import { one } from '../other/one.js';\n";
  assert.deepEqual(needsIn({ 'room/it.test.js': imports, 'other/one.js': starting }), [PROGRAM]);
  const names = "read(new URL('data/one.sh', import.meta.url))\n";
  assert.deepEqual(needsIn({ 'room/it.test.js': names, 'room/data/one.sh': starting }), [PROGRAM]);
  assert.deepEqual(
    needsIn({ 'room/it.test.js': imports, 'other/one.js': "text('two.sh')\n", 'other/two.sh': starting }),
    [PROGRAM],
  );
  const filledIn = `new URL(\`data/\${name}.sh\`, import.meta.url)\n`;
  assert.deepEqual(needsIn({ 'room/it.test.js': filledIn, 'room/data/one.sh': starting }), [PROGRAM]);
});

test('comments, files that nobody names and files outside of the tests are not searched', () => {
  assert.deepEqual(needsIn({ 'room/it.test.js': `// ${starting}/**\n * ${starting} */\n` }), []);
  assert.deepEqual(needsIn({ 'room/it.test.js': "import './one.js';\n", 'room/two.js': starting }), []);
  assert.deepEqual(needsIn({ 'room/it.test.js': `import '${import.meta.url}';\n` }), []);
});

test('a comment declares what the text does not show', () => {
  assert.deepEqual(needsIn({ 'room/it.test.js': `// needs: ${PROGRAM}, procps\n` }), ['procps', PROGRAM]);
  assert.throws(
    () => needsIn({ 'room/it.test.js': '// needs: no-such-package\n' }),
    /room\/it needs "no-such-package"/,
  );
});

test('a page that a test runs is searched for its commands', () => {
  const names = needsOf('docs/readme').map(({ name }) => name);
  for (const name of ['namespaces', 'iproute2', 'curl']) assert.ok(names.includes(name), name);
});

test('a test of pure functions needs nothing', () => {
  assert.deepEqual(needsOf('policy/parse-rule'), []);
  assert.deepEqual(needsOf('run/needs'), []);
});

test('every need is that of a test file', () => {
  const files = [...testFiles('gate'), ...testFiles('deep')];
  const found = new Set(files.flatMap((file) => needsOf(file)));
  assert.deepEqual(
    NEEDS.filter((need) => !found.has(need)).map(({ name }) => name),
    [],
  );
  assert.equal(listNeeds(files).length, NEEDS.length);
});

test('one command installs every missing package', () => {
  const [one, two] = NEEDS;
  const other = NEEDS.filter(({ fix }) => fix !== undefined);
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(fixOf([one, two]), `apt-get install ${one.name} ${two.name}`);
  assert.equal(
    fixOf([...other, one]),
    [`apt-get install ${one.name}`, ...other.map(({ fix }) => fix)].join('; '),
  );
});
