// The tests of Go's standard library. Each package's tests are compiled once: the same binary runs outside and inside.
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { parseGo } from './parse-go.js';
import { runWords } from './run-words.js';
import type { Part, Suite } from './suite.js';

const PATH = '/usr/local/bin:/usr/bin:/bin';
const COMPILE_SECONDS = 600;
const quick = (name: string, seconds = 120): Part => ({ name, seconds, quick: true });
const long = (name: string, seconds = 300): Part => ({ name, seconds });

const variable = (name: string): string =>
  spawnSync('go', ['env', name], { encoding: 'utf8' }).stdout?.trim() ?? '';
/** Debian's GOROOT holds a link. */
const sourceOf = (name: string): string => realpathSync(join(variable('GOROOT'), 'src', name));
const binaryOf = (made: string, name: string): string => join(made, `${name.replaceAll('/', '-')}.test`);

export const go: Suite = {
  name: 'go',
  title: 'Go',
  parts: [quick('net'), quick('os/exec'), quick('os/signal'), long('os'), long('syscall'), long('net/http')],
  packages: () => ['golang-go', 'golang-src'],
  version: () => variable('GOVERSION').replace(/^go/, ''),
  prepare: async ({ name }, { made }) => {
    const env = { PATH, HOME: made, TMPDIR: made, GOCACHE: join(made, 'go-cache') };
    const options = { env, cwd: sourceOf(name), seconds: COMPILE_SECONDS };
    const { status, stderr } = await runWords(
      ['go', 'test', '-c', '-o', binaryOf(made, name), name],
      options,
    );
    if (status !== 0) throw new Error(`The tests of "${name}" do not compile:\n${stderr}`);
  },
  plan: ({ name, seconds }, { made }, only) => ({
    words: [
      ...[binaryOf(made, name), '-test.v=test2json', '-test.short', `-test.timeout=${seconds}s`],
      ...(only === undefined ? [] : ['-test.run', onlyThis(only.slice(prefixOf(name).length))]),
    ],
    cwd: sourceOf(name),
  }),
  parse: (text, { name }) => parseGo(text, prefixOf(name)),
};

const prefixOf = (name: string): string => `${name}.`;

/** The pattern of one test: one of each level of subtests. */
const onlyThis = (test: string): string =>
  test
    .split('/')
    .map((word) => `^${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
    .join('/');
