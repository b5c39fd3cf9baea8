// Ruby's tests of its core and its standard library. Debian has them in Ruby's source package.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianSource, SOURCE_PACKAGES } from './debian-source.js';
import { parseLines } from './parse-lines.js';
import type { Part, Suite } from './suite.js';

const RUBY = '/usr/bin/ruby';
const RUNNER = 'run-ruby.rb';
const RUNNER_SOURCE = fileURLToPath(new URL(RUNNER, import.meta.url));
const quick = (name: string): Part => ({ name, seconds: 60, quick: true });
const long = (name: string): Part => ({ name, seconds: 300 });

const version = (): string =>
  spawnSync(RUBY, ['-e', 'print RUBY_VERSION'], { encoding: 'utf8' }).stdout ?? '';
/** ruby3.3: it has the version in its name. */
const packageName = (): string => `ruby${version().split('.', 2).join('.')}`;

export const ruby: Suite = {
  name: 'ruby',
  title: 'Ruby',
  parts: [
    quick('socket/test_socket'),
    quick('socket/test_tcp'),
    quick('socket/test_unix'),
    quick('io/wait/test_io_wait'),
    ...[
      ...['socket/test_addrinfo', 'socket/test_ancdata', 'socket/test_basicsocket', 'socket/test_nonblock'],
      ...['socket/test_sockopt', 'socket/test_udp', 'ruby/test_process', 'ruby/test_io'],
      ...['ruby/test_signal', 'ruby/test_dir', 'fileutils/test_fileutils'],
      ...[
        'test_open3',
        'test_pty',
        'test_tempfile',
        'io/nonblock/test_flush',
        'fiber/test_io',
        'etc/test_etc',
      ],
      ...['net/http/test_http', 'drb/test_drb'],
    ].map(long),
  ],
  packages: () => ['ruby', ...SOURCE_PACKAGES],
  version,
  prepare: async (_, { made }) => {
    copyFileSync(RUNNER_SOURCE, join(made, RUNNER));
    if (existsSync(treeIn(made))) return;
    const folder = await debianSource(packageName());
    for (const name of ['test', 'tool'])
      cpSync(join(folder, name), join(treeIn(made), name), { recursive: true });
  },
  plan: ({ name }, { made, work }, only) => {
    const results = join(work, 'results.jsonl');
    const one = only === undefined ? [] : [only];
    const words = [RUBY, join(made, RUNNER), results, treeIn(made), `test/${name}.rb`, ...one];
    return { words, results };
  },
  parse: parseLines,
};

const treeIn = (made: string): string => join(made, 'ruby');
