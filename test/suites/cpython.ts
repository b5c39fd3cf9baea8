// CPython's tests of its standard library, as Debian packages them.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseLines } from './parse-lines.js';
import type { Part, Suite } from './suite.js';

const PYTHON = '/usr/bin/python3';
const RUNNER = 'run-cpython.py';
const RUNNER_SOURCE = fileURLToPath(new URL(RUNNER, import.meta.url));
const quick = (name: string): Part => ({ name, seconds: 60, quick: true });
const long = (name: string): Part => ({ name, seconds: 300 });
/** These modules ask for it, and use the loopback alone. Others would reach the internet with it. */
const WITH_NETWORK = ['test_socketserver'];

const version = (): string =>
  spawnSync(PYTHON, ['--version'], { encoding: 'utf8' }).stdout?.trim().split(' ')[1] ?? '';

export const cpython: Suite = {
  name: 'cpython',
  title: 'CPython',
  parts: [
    quick('test_epoll'),
    quick('test_fcntl'),
    quick('test_httplib'),
    quick('test_ioctl'),
    quick('test_mmap'),
    quick('test_openpty'),
    quick('test_poll'),
    quick('test_popen'),
    quick('test_posix'),
    quick('test_pty'),
    quick('test_resource'),
    quick('test_select'),
    quick('test_socketserver'),
    quick('test_asyncio.test_sock_lowlevel'),
    quick('test_termios'),
    quick('test_wait3'),
    ...[
      ...['test_asyncio.test_events', 'test_asyncio.test_sendfile', 'test_asyncio.test_server'],
      ...['test_asyncio.test_streams', 'test_asyncio.test_subprocess', 'test_asyncio.test_unix_events'],
      ...['test_file_eintr', 'test_fork1', 'test_ftplib', 'test_httpservers', 'test_imaplib'],
      ...['test_multiprocessing_fork.test_processes', 'test_os', 'test_poplib', 'test_selectors'],
      ...['test_shutil', 'test_signal', 'test_smtplib', 'test_socket', 'test_ssl', 'test_subprocess'],
      ...['test_tempfile', 'test_threadsignals', 'test_uuid', 'test_wait4'],
    ].map(long),
  ],
  packages: () => ['python3', `libpython${version().split('.', 2).join('.')}-testsuite`],
  version,
  prepare: async (_, { made }) => copyFileSync(RUNNER_SOURCE, join(made, RUNNER)),
  plan: ({ name }, { made, work }, only) => {
    const results = join(work, 'results.jsonl');
    const resources = WITH_NETWORK.includes(name) ? 'network' : '';
    return { words: [PYTHON, join(made, RUNNER), results, resources, only ?? `test.${name}`], results };
  },
  parse: parseLines,
};
