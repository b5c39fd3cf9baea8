// memcached's tests, each of which starts servers and talks to them. Debian has them in its source package.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../machines/command.js';
import { debianSource, SOURCE_PACKAGES } from './debian-source.js';
import { parseLines } from './parse-lines.js';
import type { Suite } from './suite.js';
import { planTap, prepareRunner, type TapPart, treeOf } from './tap.js';

/** Only a server that is built for its tests knows it. */
const DEBUG_OPTION = '$args .= " -o relaxed_privileges";';
const SERVER = '/usr/bin/memcached';
const QUICK = 'unixsocket udp conn-limits daemonize noreply';
const LONG =
  '00-startup bogus-commands cas dash-M idle-timeout incrdecr issue_108 issue_163 issue_22 issue_41 multiversioning quit shutdown stats-conns touch watcher watcher_connid';
const files = (names: string): string[] => names.split(' ').map((name) => `t/${name}.t`);

const parts: readonly TapPart[] = [
  { name: 'sockets', folder: '.', files: files(QUICK), seconds: 120, quick: true },
  { name: 'commands', folder: '.', files: files(LONG), seconds: 600 },
];
const partNamed = (name: string): TapPart => {
  const found = parts.find((one) => one.name === name);
  if (found === undefined) throw new Error(`memcached has no part "${name}"`);
  return found;
};

export const memcached: Suite = {
  name: 'memcached',
  title: 'memcached',
  parts,
  packages: () => ['memcached', 'perl', 'gcc', 'libc6-dev', ...SOURCE_PACKAGES],
  version: () => spawnSync(SERVER, ['--version'], { encoding: 'utf8' }).stdout?.trim().split(' ')[1] ?? '',
  prepare: async (part, { made }) => {
    const source = await debianSource('memcached');
    const tree = treeOf(made, part);
    mkdirSync(tree);
    cpSync(join(source, 't'), join(tree, 't'), { recursive: true });
    const library = join(tree, 't/lib/MemcachedTest.pm');
    writeFileSync(library, readFileSync(library, 'utf8').replace(DEBUG_OPTION, ''));
    // The tests start a server that was just built, by a program that ends it in time.
    await command(['cc', '-o', join(tree, 'timedrun'), join(source, 'timedrun.c')], { seconds: 60 });
    symlinkSync(SERVER, join(tree, 'memcached-debug'));
    prepareRunner(made);
  },
  plan: ({ name }, folders, only) => planTap(partNamed(name), folders, only),
  parse: parseLines,
};
