import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { asUser, distFor, readableFolder } from '../harness/users.js';
import { instrument, type ModuleKind, readModule } from './instrument.js';
import { countersModule } from './traced-trees.js';

const MODULE = `#!/usr/bin/env node
// A module with each kind of function.
import { basename } from 'node:path';
const early = (() => 1)();
export const nested = (a) => (b) => ({ a, b });
export class Shape {
  #size = 1;
  constructor() { this.kind = 'shape'; }
  get size() { return this.#size; }
  static of() { return new Shape(); }
  async *parts() { yield* [1]; }
}
export function plain(x = () => 2) {
  return basename(\`\${[x].map((f) => f())}\`);
}
export default { method() { return early; } };
//# sourceMappingURL=module.js.map`;

const counters = './counters.js';
const traced = (text: string, kind: ModuleKind, place = 1): string =>
  instrument(text, readModule(text), { kind, place, counters });

/** Each function of MODULE, called alone. */
const CALLS = [
  'm.nested(1)',
  'm.nested(1)(2)',
  'new m.Shape()',
  'm.Shape.of().size',
  'm.plain()',
  'm.default.method()',
];

/** A traced module without what was added. */
const untraced = (text: string): string => text.replace(/\/\*traced\*\/.*?\/\*\.\*\//gs, '');

test('a traced module can be read back, and no line of it moves', () => {
  const text = traced(MODULE, 'functions');
  assert.notEqual(text, MODULE);
  assert.equal(untraced(text), MODULE);
  const lines = text.split('\n');
  assert.equal(lines[0], '#!/usr/bin/env node');
  MODULE.split('\n').forEach((line, at) => {
    assert.equal(untraced(lines[at] ?? '').replace(/\/\*traced\*\/$/, ''), line);
  });
});

test('each kind of function counts, and loading alone does not', () => {
  const folder = scene();
  assert.deepEqual(ranAfter(folder, ''), [0]);
  for (const call of CALLS) assert.deepEqual(ranAfter(folder, call), [1], call);
  assert.deepEqual(ranAfter(folder, 'await m.Shape.of().parts().next()'), [1]);
});

test('a program counts when it is loaded, and a table has no counter', () => {
  assert.deepEqual(ranAfter(scene('program'), ''), [1]);
  assert.equal(traced('export const table = [1];', 'table'), 'export const table = [1];');
  const empty = readModule('// Types.\nexport {};\n');
  assert.equal(empty.isEmpty, true);
});

test('an exported function makes code, also in an object; a value that a function made is none', () => {
  const isCode = (text: string): boolean => readModule(text).exportsCode;
  assert.equal(isCode('export function f() {}'), true);
  assert.equal(isCode('export class C {}'), true);
  assert.equal(isCode('export const f = () => 1;'), true);
  assert.equal(isCode('export const table = { a: [{ b() {} }] };'), true);
  assert.equal(isCode('export default () => 1;'), true);
  assert.equal(isCode('const make = () => 1; export const value = make();'), false);
  assert.equal(isCode("export const VALUES = [1]; export * from './a.js';"), false);
});

test('imports are found: with bindings, for effect, passed on, and at run time', () => {
  const { imports, effects, isEmpty } = readModule(
    "import './a.js';\nimport b from './b.js';\nexport * from './c.js';\nimport 'koffi';\nawait import('./d.js');",
  );
  assert.deepEqual(imports, ['./a.js', './b.js', './c.js', './d.js']);
  assert.deepEqual(effects, ['./a.js']);
  assert.equal(isEmpty, false);
});

test('a counter outlives a process of another user that is killed, and one of its threads counts too', async () => {
  const folder = scene();
  const main = join(folder, 'main.mjs');
  writeFileSync(
    main,
    `import { isMainThread, Worker } from 'node:worker_threads';
import * as m from './module.mjs';
if (isMainThread) new Worker(new URL(import.meta.url)).once('message', () => console.log('ran'));
else {
  const { parentPort } = await import('node:worker_threads');
  m.plain();
  parentPort.postMessage('done');
}
setInterval(() => {}, 1_000);`,
  );
  const [command = '', ...words] = [...asUser('user'), process.execPath, main];
  const child = spawn(command, words, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual(ran(folder), [1]);
});

test('where the counters cannot be opened, a process and its thread go on', () => {
  const folder = scene();
  rmSync(join(folder, 'counters'));
  const thread = `import('${join(folder, 'module.mjs')}').then((m) => process.exit(m.nested(1)(2).a + 2))`;
  const code = `const m = await import('./module.mjs'); m.plain();
    const { Worker } = await import('node:worker_threads');
    new Worker(${JSON.stringify(thread)}, { eval: true }).once('exit', (status) => process.exit(status));`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
  assert.equal(status, 3);
});

/** A folder with MODULE and its counters. */
function scene(kind: ModuleKind = 'functions'): string {
  const folder = readableFolder();
  const file = join(folder, 'counters');
  writeFileSync(file, Buffer.alloc(2));
  execFileSync('chmod', ['666', file]);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'counters.js'), countersModule(file, 2));
  writeFileSync(join(folder, 'module.mjs'), traced(MODULE, kind));
  symlinkSync(join(distFor('user'), '../node_modules'), join(folder, 'node_modules'));
  return folder;
}

const ran = (folder: string): number[] => [...readFileSync(join(folder, 'counters')).subarray(1)];

/** The counter of MODULE, after a process has loaded it and made the call. */
function ranAfter(folder: string, call: string): number[] {
  writeFileSync(join(folder, 'counters'), Buffer.alloc(2), { flag: 'r+' });
  const code = `const m = await import('./module.mjs'); ${call};`;
  execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
  return ran(folder);
}
