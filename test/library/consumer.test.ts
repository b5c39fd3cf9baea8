// Projects that install the package and use the library: as either kind of module, in TypeScript, and through a bundler. The stages of npm run
// deep that have another Node run it, too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../shared/bundles.js';
import { userInTurn } from '../harness/asked.js';
import { asUser, distFor, readableFolder } from '../harness/users.js';

const top = join(distFor('root'), '..');
const CONSUMERS = fileURLToPath(new URL('consumers', import.meta.url));
/** They order the plugins of a file. */
const OF_A_FILE = ['after', 'kind', 'ready'];

let installed: string | undefined;

/** A project with the packed package, and with the files of consumers/. */
function project(): string {
  if (installed !== undefined) return installed;
  const folder = readableFolder();
  const done = (command: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  done('npm', 'pack', top, '--ignore-scripts', '--pack-destination', folder);
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  done('npm', 'install', '--no-audit', '--no-fund', `./postern-${VERSION}.tgz`);
  for (const name of readdirSync(CONSUMERS))
    cpSync(join(CONSUMERS, name), join(folder, name.replace(/\.txt$/, '')));
  installed = folder;
  return folder;
}

function said(words: readonly string[], folder: string): { readonly text: string; readonly trouble: string } {
  const [command = '', ...args] = words;
  const { stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { text: stdout, trouble: stderr };
}

const WORKS = { text: '7 true 5 6\n', trouble: '' };

const FORMS = [['runs.mjs'], ['runs.cjs'], ['--no-experimental-require-module', 'runs.cjs']];
for (const [turn, words] of FORMS.entries())
  for (const user of userInTurn(turn))
    test(`an application imports or requires the library: ${words.join(' ')} (${user})`, () => {
      assert.deepEqual(said([...asUser(user), process.execPath, ...words], project()), WORKS);
    });

/** @returns what the compiler finds wrong in files of the project @param words its options and the files */
function compile(...words: readonly string[]): string {
  const tsc = join(top, 'node_modules/typescript-native/bin/tsc');
  const strict = [
    '--noEmit',
    '--allowJs',
    '--checkJs',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
  ];
  const lib = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node'];
  const types = ['--typeRoots', join(top, 'node_modules/@types')];
  return said([process.execPath, tsc, ...strict, ...lib, ...types, ...words], project()).text;
}

/** Each program in the docs, and in the comments that an editor shows. */
function samples(): readonly string[] {
  const pages = readdirSync(join(top, 'docs'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.md'),
  );
  const blocks = [...pages.map((page) => `docs/${page}`), 'README.md'].flatMap((page) =>
    [...readFileSync(join(top, page), 'utf8').matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].map(
      ([, text = '']) => text,
    ),
  );
  const examples = ['index', 'spawn', 'types', 'wrap'].flatMap((name) => {
    const types = readFileSync(join(top, `dist/sandbox/library/${name}.d.ts`), 'utf8');
    return [...types.matchAll(/@example\n(.*?)\n *\*\//gs)].map(([, text = '']) =>
      text.replaceAll(/^ *\* ?/gm, ''),
    );
  });
  return [...blocks, ...examples];
}

/** The same program as a CommonJS module. */
function asCommonJs(sample: string): string {
  const required = sample.replaceAll(
    /^import (.*) from (.*);$/gm,
    (_line, names: string, from: string) => `const ${names.replaceAll(' as ', ': ')} = require(${from});`,
  );
  return `void (async () => {\n${required}\n})();\n`;
}

test('strict TypeScript takes the types, and each program that the docs show, in either kind of module', () => {
  const folder = project();
  const write = (text: string, name: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const all = samples();
  assert.ok(all.length >= 12, String(all.length));
  const modules = ['typed.mts', ...all.map((text, index) => write(text, `sample-${index}.mjs`))];
  const common = (isClient: boolean): readonly string[] =>
    all.flatMap((text, index) =>
      text.includes("'postern/plugin'") === isClient ? [write(asCommonJs(text), `sample-${index}.cjs`)] : [],
    );
  assert.equal(compile('--module', 'node16', ...modules, 'typed.cts', ...common(false)), '');
  assert.equal(compile('--module', 'esnext', '--moduleResolution', 'bundler', ...modules), '');
  // The client library is an ES module. The compiler takes its require() only as Node 22 does.
  const wrong = write(
    readFileSync(join(folder, 'typed.mts'), 'utf8').replaceAll('@ts-expect-error', ''),
    'wrong.mts',
  );
  const found = compile('--module', 'nodenext', 'typed.mts', 'typed.cts', ...common(true), wrong);
  const errors = [...found.matchAll(/^(\S+?)\(.*error TS/gm)].map(([, file]) => file);
  assert.deepEqual(errors, Array(8).fill('wrong.mts'), found);
});

test('a plugin takes each key of postern.yaml that is not about other plugins', () => {
  const schema = JSON.parse(readFileSync(join(distFor('root'), 'postern.schema.json'), 'utf8')) as {
    properties: { plugins: { additionalProperties: { properties: object } } };
  };
  const keys = Object.keys(schema.properties.plugins.additionalProperties.properties);
  const typed = readFileSync(join(CONSUMERS, 'typed.mts.txt'), 'utf8');
  const [, every = ''] = /Required<PluginSettings> = \{\n(.*?)\n\};/s.exec(typed) ?? [];
  const named = [...every.matchAll(/^ {2}(\w+):/gm)].map(([, key]) => key);
  assert.deepEqual([...named, ...OF_A_FILE].sort(), [...keys, 'name', 'secrets', 'stdio', 'on'].sort());
});

test('the types of a CommonJS module have each value of the library', async () => {
  const types = readFileSync(join(top, 'dist/sandbox/library/index.d.cts'), 'utf8');
  const typed = [...types.matchAll(/^export declare const (\w+)/gm)].map(([, name]) => name);
  const { default: library } = (await import(join(top, 'dist/run/library.cjs'))) as { default: object };
  assert.deepEqual(typed.sort(), Object.keys(library).sort());
});

test('a bundle of an application works with postern beside it, and says so where postern is in it', () => {
  const folder = project();
  const esbuild = join(top, 'node_modules/.bin/esbuild');
  for (const [file, format] of [
    ['runs.cjs', 'cjs'],
    ['runs.mjs', 'esm'],
  ] as const) {
    const bundle = (name: string, ...words: string[]): string => {
      const options = ['--bundle', '--platform=node', `--format=${format}`, '--log-level=error'];
      const { trouble } = said(
        [esbuild, file, ...options, ...words, `--outfile=out/${name}-${file}`],
        folder,
      );
      assert.equal(trouble, '');
      return `out/${name}-${file}`;
    };
    const beside = bundle('beside', '--external:postern');
    assert.deepEqual(said([process.execPath, beside], folder), WORKS);
    const within = bundle('within');
    assert.match(
      said([process.execPath, within], folder).trouble,
      /Error: Cannot find the programs of postern beside its library: keep postern out of the bundle/,
    );
  }
});
