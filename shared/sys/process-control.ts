// prctl(2), setsid(2), setpgid(2), signal(2), sigprocmask(2) and ids. Runs in supervisor, broker and launcher. libc changes the ids of every thread,
// nptl(7).
import { prctl } from './common-calls.js';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const SIG_SETMASK = 2;
const SIG_DFL = 0;
const SIG_IGN = 1;
const LAST_SIGNAL = 64;

const exitCall = bind('void _exit(int status)');
const gettidCall = bind('int gettid()');
const setsidCall = bind('int setsid()');
const setpgidCall = bind('int setpgid(int pid, int group)');
const getpgrpCall = bind('int getpgrp()');
const tcgetpgrpCall = bind('int tcgetpgrp(int fd)');
const signalCall = bind('intptr_t signal(int signal, intptr_t handler)');
const sigprocmask = bind('int sigprocmask(int how, const void *set, void *old)');
const setgroups = bind('int setgroups(size_t count, const void *groups)');
const setresgid = bind('int setresgid(uint real, uint effective, uint saved)');
const setresuid = bind('int setresuid(uint real, uint effective, uint saved)');

/** Makes orphaned descendants of this process its children, prctl(2) PR_SET_CHILD_SUBREAPER. */
export function becomeSubreaper(): void {
  succeed(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl PR_SET_CHILD_SUBREAPER');
}

/** Makes the kernel send `signal` to this process when its parent dies. A change of credentials clears this. */
export function dieWithParent(signal: number): void {
  succeed(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), 'prctl PR_SET_PDEATHSIG');
}

export function setDumpable(on: boolean): void {
  succeed(prctl(PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0), 'prctl PR_SET_DUMPABLE');
}

/** Sets no_new_privs, and reads it back: no execve gains privileges from here on. */
export function setNoNewPrivileges(): void {
  succeed(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl PR_SET_NO_NEW_PRIVS');
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) !== 1) succeed(-1, 'prctl PR_GET_NO_NEW_PRIVS');
}

/** The id of the calling thread, gettid(2). */
export function threadId(): number {
  return gettidCall();
}

/** Gives this process a new session, with a new process group and without a controlling terminal, setsid(2). */
export function leadSession(): void {
  succeed(setsidCall(), 'setsid');
}

/** Gives this process a process group of its own in the same session, setpgid(2). */
export function leadGroup(): void {
  succeed(setpgidCall(0, 0), 'setpgid');
}

export function processGroup(): number {
  return getpgrpCall();
}

/** The foreground process group of the terminal. @returns minus ENOTTY if `fd` is not the controlling terminal */
export function foregroundGroup(fd: number): number {
  return tcgetpgrpCall(fd);
}

/** Ends the process at once, _exit(2). Node does not run its exit handlers. */
export function exitAtOnce(status: number): void {
  exitCall(status);
}

/** Ignores a signal. Children inherit that until they reset it. */
export function ignoreSignal(signal: number): void {
  signalCall(signal, SIG_IGN);
}

/**
 * Sets every signal to its default action, or to be ignored, and blocks none. Node and libuv ignore SIGPIPE. Drops pending signals, as the
 * SIGUSR1 that Node blocks: ignoring a signal for a moment does that.
 */
export function resetSignals(ignored: readonly number[]): void {
  for (let signal = 1; signal <= LAST_SIGNAL; signal += 1) {
    signalCall(signal, SIG_IGN);
    if (!ignored.includes(signal)) signalCall(signal, SIG_DFL);
  }
  succeed(sigprocmask(SIG_SETMASK, new Uint8Array(LAYOUT.sigset_t.size), null), 'sigprocmask');
}

/**
 * Takes ids of the current user namespace and drops all supplementary groups.
 *
 * @throws SystemError EINVAL if an id is not mapped, EPERM if the thread may not change ids
 */
export function becomeIds(uid: number, gid: number): void {
  succeed(setgroups(0, null), 'setgroups');
  becomeGroup(gid);
  becomeUser(uid);
}

/** Sets the real, effective and saved group id, setresgid(2). */
export function becomeGroup(gid: number): void {
  succeed(setresgid(gid, gid, gid), 'setresgid', String(gid));
}

/** Sets the real, effective and saved user id, setresuid(2). */
export function becomeUser(uid: number): void {
  succeed(setresuid(uid, uid, uid), 'setresuid', String(uid));
}
