// What a process does to itself: its privileges, parent, program, name, and what its threads are called and use.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { LAYOUT } from './layout.js';
import { bind, prctl, succeed } from './libc.js';
import { SYS, syscallLongs } from './syscall.js';

// prctl(2), setsid(2), setpgid(2), signal(2), sigprocmask(2) and ids. Runs in supervisor, broker and launcher. libc changes the ids of every thread,
// nptl(7).

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
const getsidCall = bind('int getsid(int pid)');
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

export function becomeUndumpable(): void {
  succeed(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 'prctl PR_SET_DUMPABLE');
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

/** The kernel gives a new thread the next free number, and threads of Node start soon after their process. */
const NEAR = 4_096;

/**
 * The ids of this process's threads, tgkill(2). Listing /proc/self/task would name each of them in the kernel's cache of names. When the process ends, its last thread
 * and its parent remove these names at the same time, and the kernel lets the parent turn round until the thread is done. V8's thread has the lowest
 * priority: that took the parent of a broker 2 to 5 ms of processor time, and up to 70 on a busy machine.
 *
 * @param near how far from the id of the process the others are looked for, before they are listed after all
 */
export function ownThreadIds(near: number = NEAR): readonly number[] {
  const { pid } = process;
  const count = Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
  const found = [pid];
  for (let id = pid + 1; found.length < count && id <= pid + near; id += 1)
    if (syscallLongs(SYS.tgkill, pid, id, 0, 0, 0) === 0) found.push(id);
  return found.length === count ? found : readdirSync('/proc/self/task').map(Number);
}

/** Gives this process a new session, with a new process group and without a controlling terminal, setsid(2). */
export function leadSession(): void {
  succeed(setsidCall(), 'setsid');
}

/** The session of a process, getsid(2). A process has that of its parent, unless it leads its own. @returns its id, or minus ESRCH */
export function sessionOf(pid: number): number {
  return getsidCall(pid);
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

// execve(2). If it succeeds, no code of postern runs after it.

const execveCall = bind('int execve(const char *path, const char **arguments, const char **environment)');

/** Becomes another program. @returns only on failure: minus errno (ENOENT, EACCES, ENOEXEC, …) */
export function execve(path: string, args: readonly string[], environment: readonly string[]): number {
  return execveCall(path, [...args, null], [...environment, null]);
}

// proc_pid_oom_score_adj(5): which process the kernel ends first when memory is short.

/**
 * Gives up a value that keeps a process from being ended, as from OOMScoreAdjust= of a unit. A value above 0 stays.
 * It could be lowered again, but the sandbox's /proc is read-only.
 *
 * @param file that of the process
 */
export function leaveMemoryProtection(file: string): void {
  if (
    /* test point: only a value below 0 is given up => Number(readFileSync(file, 'latin1')) < 1000 */ Number(
      readFileSync(file, 'latin1'),
    ) < 0
  )
    // protects: G8 postern's own protection from a shortage of memory is not the plugin's
    writeFileSync(file, '0');
}

// sethostname(2), setdomainname(2).

const sethostname = bind('int sethostname(const char *name, size_t length)');
const setdomainname = bind('int setdomainname(const char *name, size_t length)');
/** The kernel's word for no domain. */
const NO_DOMAIN = '(none)';

/** Sets the host name of this UTS namespace. */
export function setHostname(name: string): void {
  succeed(sethostname(name, Buffer.byteLength(name)), 'sethostname', name);
}

/** Removes the NIS domain of the host from this UTS namespace, which starts with a copy of it. */
export function clearDomainName(): void {
  succeed(setdomainname(NO_DOMAIN, NO_DOMAIN.length), 'setdomainname', NO_DOMAIN);
}

// The processor time of the calling thread, clock_gettime(2).

const CLOCK_THREAD_CPUTIME_ID = 3;

const clockGettime = bind('int clock_gettime(int clock, void *time)');
/** A struct timespec: seconds and nanoseconds, 64 bits each. */
const time = new BigInt64Array(2);
const timeBytes = new Uint8Array(time.buffer);

/** The processor time of this thread so far, in milliseconds. */
export function threadMilliseconds(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, timeBytes);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

// Ids of the calling thread alone, credentials(7): the system calls, which change one thread, and not the functions of a libc, which change
// all of them. Runs in a thread of the supervisor.

const UNCHANGED = -1;
const ROOT = 0;

/** Drops this thread's supplementary groups for good. */
export function dropThreadGroups(): void {
  succeed(syscallLongs(SYS.setgroups, 0, 0, 0, 0, 0), 'setgroups');
}

/**
 * Does work with other effective ids, and so without the capabilities of root. They come back with its id.
 *
 * @param work gets a function that does a part of it as root again
 * @throws SystemError EPERM without CAP_SETUID and CAP_SETGID
 */
export function withThreadIds<T>(id: number, work: (asRoot: <U>(part: () => U) => U) => T): T {
  const asRoot = <U>(part: () => U): U => between(ROOT, id, part);
  return between(id, ROOT, () => work(asRoot));
}

function between<T>(during: number, after: number, work: () => T): T {
  take(during);
  try {
    return work();
  } finally {
    take(after);
  }
}

/** Only root may take a group that it does not have: so it is root for that. */
function take(id: number): void {
  setEffective(SYS.setresuid, 'setresuid', ROOT);
  setEffective(SYS.setresgid, 'setresgid', id);
  setEffective(SYS.setresuid, 'setresuid', id);
}

function setEffective(call: number, name: string, id: number): void {
  succeed(syscallLongs(call, UNCHANGED, id, UNCHANGED, 0, 0), name, String(id));
}

// getpriority(2), asked for whom a user's processes are.

const PRIO_USER = 2;

/** Whether any process of this pid namespace has that real user id. */
export function hasProcesses(uid: number): boolean {
  // Not libc's function: its -1 is also a priority.
  return syscallLongs(SYS.getpriority, PRIO_USER, uid, 0, 0, 0) !== -constants.errno.ESRCH;
}
