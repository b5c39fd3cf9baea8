// Hostile code inside a broker's process, loaded before the broker's own code. It tries everything before the broker is in its sandbox and
// again after, and writes each result to stderr as a line of JSON.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { getPriority } from 'node:os';
import { isMainThread, Worker } from 'node:worker_threads';
import { tryLock } from '../../shared/sys/fcntl.js';
import { bind, errnoName, prctl, succeed } from '../../shared/sys/libc.js';
import { attachTree, copyTree, MOUNT_ATTR, mountNew, setTreeAttributes } from '../../shared/sys/mount.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { openPidfd, signalPidfd } from '../../shared/sys/pidfd.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { becomeUser } from '../../shared/sys/process-control.js';
import { getLimit, RLIMIT, setLimit } from '../../shared/sys/rlimit.js';
import { AF_UNIX, encodeSocketPath } from '../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  bindTo,
  SOCK_RAW,
  SOL_SOCKET,
  socket,
  streamSocketPair,
  writeOption,
} from '../../shared/sys/socket.js';
import { setTerminalModes, setWindowSize, terminalModes, windowSize } from '../../shared/sys/terminal.js';

const CLONE_NEWUTS = 0x04000000;
const MNT_DETACH = 2;
const PTRACE_SEIZE = 0x4206;
const PTRACE_DETACH = 17;
const F_SETOWN = 8;
const PRIO_PROCESS = 0;
const F_SETSIG = 10;
const F_GETFL = 3;
const F_SETFL = 4;
const O_ASYNC = 0o20000;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const AF_VSOCK = 40;
const NETLINK_KOBJECT_UEVENT = 15;
const IO_SETUP = process.arch === 'arm64' ? 0 : 206;
const IO_DESTROY = IO_SETUP + 1;
const SO_LOCK_FILTER = 44;
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const TIOCSETD = 0x5423;
const TIOCGETD = 0x5424;
const STDERR = 2;

const folder = new URL(import.meta.url).searchParams.get('folder') ?? '';
const unshare = bind('int unshare(int flags)');
const ptrace = bind('long ptrace(long request, int pid, void *address, void *data)');
const tgkill = bind('int tgkill(int group, int thread, int signal)');
const umount2 = bind('int umount2(const char *target, int flags)');
const fork = bind('int fork()');
const fcntl = bind('int fcntl(int fd, int command, long argument)');
const setaffinity = bind('int sched_setaffinity(int pid, size_t size, const void *mask)');
const setpriority = bind('int setpriority(int which, uint who, int priority)');
const shmget = bind('int shmget(int key, size_t size, int flags)');
const semget = bind('int semget(int key, int count, int flags)');
const semctl = bind('int semctl(int id, int number, int command, long argument)');
const msgget = bind('int msgget(int key, int flags)');
const msgctl = bind('int msgctl(int id, int command, void *buffer)');
const mqOpen = bind('int mq_open(const char *name, int flags, uint mode, void *attributes)');
const mqUnlink = bind('int mq_unlink(const char *name)');
const syncfs = bind('int syncfs(int fd)');
const ioSetup = bind('long syscall(long number, long events, void *context)');
const ioDestroy = bind('long syscall(long number, ulong context)');
const ioctl = bind('int ioctl(int fd, ulong request, void *value)');
const personality = bind('int personality(ulong persona)');
const adjtimex = bind('int adjtimex(void *buffer)');
/** More than the size of struct timex: no field is changed. */
const timex = new Uint8Array(512);
/** A terminal that nobody else uses, and what is set of it: what it has. */
const terminal = openSync('/dev/ptmx', 'r+');
const modes = terminalModes(terminal) ?? new Uint8Array();
const size = windowSize(terminal) ?? new Uint8Array();
const discipline = new Uint8Array(4);
ioctl(terminal, TIOCGETD, discipline);

/** A detached mount, as it is sent to a sandbox that starts. Without the privilege to make one, the folder itself. */
const place = openFolder(folder);
const tree = copyOfFolder();

function copyOfFolder(): OwnedFd {
  try {
    return copyTree(folder, true);
  } catch {
    return place;
  }
}

const succeeded = (result: number): void => {
  if (result < 0) throw Object.assign(new Error('refused'), { code: errnoName(-result) });
};

const attempts: Readonly<Record<string, () => void>> = {
  spawn: () => {
    const { error } = spawnSync('/bin/true');
    if (error !== undefined) throw error;
  },
  fork: () => {
    const pid = fork();
    if (pid === 0) process.kill(process.pid, 'SIGKILL');
    succeeded(pid);
  },
  create: () => writeFileSync(`${folder}/new`, 'x'),
  overwrite: () => writeFileSync(`${folder}/there`, 'x'),
  append: () => writeFileSync(`${folder}/there`, 'x', { flag: 'a' }),
  open_for_both: () => closeSync(openSync(`${folder}/there`, 'r+')),
  truncate: () => truncateSync(`${folder}/there`, 0),
  make_folder: () => mkdirSync(`${folder}/inner-${Math.random()}`),
  change_mode: () => chmodSync(`${folder}/there`, 0o777),
  rename: () => {
    renameSync(`${folder}/there`, `${folder}/elsewhere`);
    renameSync(`${folder}/elsewhere`, `${folder}/there`);
  },
  remove: () => unlinkSync(`${folder}/spare`),
  unshare: () => succeeded(unshare(CLONE_NEWUTS)),
  mount: () => {
    mountNew('tmpfs', folder, 0, '');
    succeeded(umount2(folder, 0));
  },
  change_a_mount: () => setTreeAttributes(tree.number, MOUNT_ATTR.NOSUID, folder),
  attach_a_mount: () => {
    attachTree(tree.number, place.number, folder);
    // Its handle keeps it busy.
    succeeded(umount2(folder, MNT_DETACH));
  },
  signal_parent: () => process.kill(process.ppid, 0),
  signal_parent_by_handle: () => {
    using parent = openPidfd(process.ppid);
    succeeded(signalPidfd(parent.number, 0));
  },
  // A broken pipe or new data would send it, as the broker's user may.
  signal_parent_by_descriptor: () => {
    using pipe = makePipe().read;
    succeeded(fcntl(pipe.number, F_SETOWN, process.ppid));
  },
  choose_that_signal: () => {
    using pipe = makePipe().read;
    succeeded(fcntl(pipe.number, F_SETSIG, 9));
  },
  signal_by_terminal: () => {
    const flags = fcntl(terminal, F_GETFL, 0);
    succeeded(fcntl(terminal, F_SETFL, flags | O_ASYNC));
    fcntl(terminal, F_SETFL, flags);
  },
  outlive_parent: () => succeeded(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)),
  leave_a_core_file: () => succeeded(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)),
  set_a_limit: () => {
    const { soft, hard } = getLimit(RLIMIT.CORE);
    setLimit(RLIMIT.CORE, soft, hard);
  },
  renice_parent: () => succeeded(setpriority(PRIO_PROCESS, process.ppid, getPriority(process.ppid))),
  pin_parent: () => succeeded(setaffinity(process.ppid, 8, new Uint8Array(8).fill(255))),
  lock_a_file: () => {
    using file = new OwnedFd(openSync(`${folder}/there`, 'r'));
    tryLock(file.number);
  },
  // A file system without a disk: the test is for the call.
  wait_for_disks: () => {
    using file = new OwnedFd(openSync('/proc', 'r'));
    succeeded(syncfs(file.number));
  },
  share_memory: () => succeeded(shmget(0, 4096, 0o1600)),
  take_a_semaphore: () => void semctl(succeed(semget(0, 1, 0o600), 'semget'), 0, 0, 0),
  take_a_queue: () => void msgctl(succeed(msgget(0, 0o600), 'msgget'), 0, null),
  take_a_named_queue: () => {
    const name = `/postern-test-${process.pid}`;
    const queue = mqOpen(name, constants.O_CREAT | constants.O_RDWR, 0o600, null);
    mqUnlink(name);
    closeSync(succeed(queue, 'mq_open'));
  },
  another_pair: () => {
    for (const end of streamSocketPair()) end.close();
  },
  another_family: () => closeSync(succeed(socket(AF_VSOCK, 1, 0), 'socket')),
  another_protocol: () => closeSync(succeed(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT), 'socket')),
  signal_parent_thread: () => succeeded(tgkill(process.ppid, process.ppid, 0)),
  trace_parent: () => {
    succeeded(ptrace(PTRACE_SEIZE, process.ppid, null, null));
    ptrace(PTRACE_DETACH, process.ppid, null, null);
  },
  read_parent_memory: () => closeSync(openSync(`/proc/${process.ppid}/mem`, 'r')),
  change_attributes: () => {
    using file = new OwnedFd(openSync(`${folder}/there`, 'r'));
    const flags = new Uint8Array(8);
    succeeded(ioctl(file.number, FS_IOC_GETFLAGS, flags));
    succeeded(ioctl(file.number, FS_IOC_SETFLAGS, flags));
  },
  set_modes_of_a_terminal: () => succeeded(setTerminalModes(terminal, modes)),
  set_size_of_a_terminal: () => succeeded(setWindowSize(terminal, size)),
  set_line_discipline: () => succeeded(ioctl(terminal, TIOCSETD, discipline)),
  make_socket_file: () => {
    using unbound = new OwnedFd(succeed(socket(AF_UNIX, 1, 0), 'socket'));
    succeeded(bindTo(unbound.number, encodeSocketPath(`${folder}/socket-${Math.random()}`)));
  },
  ask_personality: () => succeeded(personality(0xffffffff)),
  asynchronous_io: () => {
    const context = new BigUint64Array(1);
    succeeded(ioSetup(IO_SETUP, 1, new Uint8Array(context.buffer)));
    ioDestroy(IO_DESTROY, context[0] ?? 0n);
  },
  kernel_surface: () => succeeded(adjtimex(timex)),
  attach_a_filter: () => {
    using filtered = new OwnedFd(succeed(socket(AF_UNIX, 1, 0), 'socket'));
    succeeded(writeOption(filtered.number, SOL_SOCKET, SO_LOCK_FILTER, new Uint8Array(4)));
  },
  // Not by Node's own function, which refuses by itself in some Nodes.
  become_root: () => becomeUser(0),
};

const BY_THREAD = `const fs = require('node:fs');
let result = 'ok';
try { fs.writeFileSync('${folder}/by-thread', 'x'); } catch (error) { result = error.code; }
fs.writeSync(2, JSON.stringify({ when: 'thread', results: { create: result } }) + '\\n');`;

function visit(when: string): void {
  const results = Object.entries(attempts).map(([name, attempt]) => {
    try {
      attempt();
      return [name, 'ok'];
    } catch (error) {
      return [name, (error as NodeJS.ErrnoException).code ?? String(error)];
    }
  });
  writeSync(STDERR, `${JSON.stringify({ when, results: Object.fromEntries(results) })}\n`);
}

/** The filter of its sandbox adds to the one of a Node whose loop would have an io_uring. */
function filters(): number {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  return Number(/^Seccomp_filters:\s+(\d+)$/m.exec(status)?.[1]);
}

function visitTwice(): void {
  const atFirst = filters();
  visit('before');
  const timer = setInterval(() => {
    if (filters() === atFirst) return;
    clearInterval(timer);
    visit('after');
    // It may still start threads of its own, in the same sandbox.
    new Worker(BY_THREAD, { eval: true, execArgv: [] });
  }, 5);
}

// The broker's threads load this file too.
if (isMainThread) visitTwice();
