// The tests of perl's core and of the modules that come with it. Debian has them in perl's source package.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianSource, SOURCE_PACKAGES } from './debian-source.js';
import { parseLines } from './parse-lines.js';
import type { Suite } from './suite.js';
import { planTap, prepareRunner, type TapPart, treeOf } from './tap.js';

const PERL = '/usr/bin/perl';
const inFolder = (files: string, folder: string): string[] =>
  files.split(' ').map((file) => `${folder}/${file}.t`);

/** The tests look for the modules of a perl that was just built, and this one is installed. */
const INSTALLED = `
{ no warnings 'redefine'; *set_up_inc = sub {}; }
1;
`;
const IO =
  'closepid dup eintr eintr_print errno errnosig fflush fs getcwd inplace iofile msg open openpid pipe read sem shm socket socketpair tell';
const OP =
  'alarm die_exit exec filetest fork getpid getppid glob groups grent kill0 lfs magic mkdir pwent select setpgrpstack sigdispatch sigsystem sleep sselect stat stat_errors sysio threads time unlink waitpid';
const IO_MODULE =
  'IO cachepropagate-tcp cachepropagate-udp cachepropagate-unix io_dir io_dup io_file io_handle io_multihomed io_pipe io_poll io_sel io_sock io_sock_errstr io_udp io_unix io_xs';
const IP_MODULE =
  '01local-client-v4 02local-server-v4 03local-cross-v4 04local-client-v6 05local-server-v6 06local-cross-v6 11sockopts 12port-fallback 13addrinfo 14fileno 15io-socket 16v6only 17gai-flags 18fdopen 19no-addrs 20subclass 21as-inet 22timeout 30nonblocking-connect';
const PING_MODULE =
  '010_pingecho 120_udp_inst 130_tcp_inst 140_stream_inst 150_syn_inst 190_alarm 200_ping_tcp 250_ping_hires 300_ping_stream 450_service 510_ping_udp';

const part = (folder: string, files: readonly string[], seconds = 120): TapPart => ({
  ...{ name: folder, folder, files, seconds },
});
const module = (folder: string, files: string): TapPart => part(folder, inFolder(files, 't'));

const parts: readonly TapPart[] = [
  { ...part('t', inFolder(IO, 'io')), name: 't/io' },
  { ...part('t', inFolder(OP, 'op')), name: 't/op' },
  module('dist/IO', IO_MODULE),
  {
    ...module('cpan/Socket', 'Socket getaddrinfo getnameinfo ip_mreq ipv6_mreq sockaddr socketpair'),
    quick: true,
  },
  module('cpan/IO-Socket-IP', IP_MODULE),
  module('cpan/IPC-SysV', 'ipcsysv msg sem shm'),
  { ...module('ext/POSIX', 'posix sigaction sigset time waitpid'), quick: true },
  { ...module('ext/IPC-Open3', 'IPC-Open2 IPC-Open3 fd'), quick: true },
  module('ext/Fcntl', 'autoload fcntl mode'),
  module('dist/Net-Ping', PING_MODULE),
];

const partNamed = (name: string): TapPart => {
  const found = parts.find((one) => one.name === name);
  if (found === undefined) throw new Error(`perl has no part "${name}"`);
  return found;
};

export const perl: Suite = {
  name: 'perl',
  title: 'perl',
  parts,
  packages: () => ['perl', ...SOURCE_PACKAGES],
  version: () => spawnSync(PERL, ['-e', 'printf "%vd", $^V'], { encoding: 'utf8' }).stdout ?? '',
  prepare: async ({ name }, { made }) => {
    const { folder } = partNamed(name);
    const source = await debianSource('perl');
    const tree = treeOf(made, partNamed(name));
    const copied = join(tree, folder);
    mkdirSync(dirname(copied), { recursive: true });
    cpSync(join(source, folder), copied, { recursive: true });
    const library = join(copied, folder === 't' ? 'test.pl' : 't/test.pl');
    cpSync(join(source, 't/test.pl'), library);
    appendFileSync(library, INSTALLED);
    if (folder === 't') symlinkSync(PERL, join(copied, 'perl'));
    prepareRunner(made);
  },
  plan: ({ name }, folders, only) => planTap(partNamed(name), folders, only),
  parse: parseLines,
};
