// The user namespace in which an ordinary user's brokers run, and in which the sandboxes make theirs. Runs in the supervisor, which stays outside.
//
// A broker has to reach into the sandboxes (pidfd_getfd(2), process_vm_readv(2)). The kernel allows that in user namespaces that the broker's uid owns, if
// they are made in the broker's own one, user_namespaces(7). In this one, the broker reaches into them alone, and into no other program of the user. With
// the host's user namespace as its own, it would reach into all of them, unless Yama forbids it.
//
// It maps the user to uid 0: so programs that enter it keep their capabilities over execve(2). The broker gives them up.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { openSync, readSync } from 'node:fs';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { awaitEnd } from '../../../shared/sys/pidfd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { SYSTEM_PATH } from '../../host/find-program.js';
import { namespacesFailure } from '../../host/namespaces-failure.js';

let made: OwnedFd | undefined;

/** Made once for all supervisors of this process, within milliseconds. @throws PosternError `launch_failed` where the host forbids it */
export function userNamespace(): OwnedFd {
  made ??= makeUserNamespace();
  return made;
}

/** @param namespace of another program of postern in this process, which has started a broker there: see early-broker.ts */
export function adoptUserNamespace(namespace: number): void {
  made = new OwnedFd(namespace);
}

/**
 * The words before a command that enters the namespace, which is that descriptor of the command. nsenter(1) becomes the command.
 *
 * @param descriptor its number there
 */
export function enteringUserNamespace(descriptor: number): readonly string[] {
  return ['nsenter', `--user=/proc/self/fd/${descriptor}`, '--preserve-credentials', '--'];
}

function makeUserNamespace(): OwnedFd {
  const { read, write } = makePipe();
  using said = read;
  using says = write;
  const command = ['--user', '--map-root-user', '--', '/bin/sh', '-c', 'echo && read -r _'];
  const holder = spawn('unshare', command, {
    cwd: '/',
    env: { PATH: SYSTEM_PATH },
    detached: true,
    stdio: ['pipe', says.number, says.number],
  });
  // Without a listener the error would end this process.
  holder.on('error', () => {});
  holder.stdin?.on('error', () => {});
  endWithProcess(holder);
  try {
    says.close();
    const words = readLine(said.number);
    if (holder.pid === undefined || words !== '\n')
      throw namespacesFailure(words || whyNotSpawned() || 'unshare(1) cannot be started');
    return new OwnedFd(openSync(`/proc/${holder.pid}/ns/user`, 'r'));
  } finally {
    holder.stdin?.end();
    holder.unref();
  }
}

/** It ends by itself, a little later. This process may end before. */
function endWithProcess(child: ChildProcess): void {
  const end = (): void => {
    if (child.pid === undefined) return;
    child.kill('SIGKILL');
    awaitEnd(child.pid);
  };
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

/** Waits for a line, or for the end. */
function readLine(fd: number): string {
  const bytes = Buffer.alloc(4096);
  let length = 0;
  for (;;) {
    const more = readSync(fd, bytes, length, bytes.length - length, null);
    length += more;
    const text = bytes.toString('utf8', 0, length);
    if (more === 0 || length === bytes.length || text.endsWith('\n')) return text;
  }
}

/** spawn() tells its error later. */
function whyNotSpawned(): string | undefined {
  return spawnSync('unshare', ['--version'], { env: { PATH: SYSTEM_PATH } }).error?.message;
}
