// A thread of another process that waits in a system call: which call it is, and the memory of its process, proc(5). Runs in a thread of the
// supervisor. The folder in /proc stands for this thread alone, also when its number has gone to another one.
import { constants } from 'node:fs';
import { O_CLOEXEC, O_PATH } from './fcntl.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const { O_RDWR, O_RDONLY, O_DIRECTORY } = constants;
const LINE_BYTES = 256;
const LINK_BYTES = 64;
const HIGHEST = 2n ** 63n;

// SAFETY: the buffers are lent for the call.
const open = bind('int open(const char *path, int flags)');
const openat = bind('int openat(int folder, const char *path, int flags)');
const readlinkat = bind('long readlinkat(int folder, const char *path, void *into, size_t size)');
const pread = bind('long pread(int fd, void *buffer, size_t length, long offset)');
const pwrite = bind('long pwrite(int fd, const void *buffer, size_t length, long offset)');

/** A call in which a thread waits, with the arguments as the kernel got them. */
export interface CurrentCall {
  readonly number: number;
  readonly arguments: readonly bigint[];
}

export class WaitingThread {
  readonly #folder: OwnedFd;
  readonly #memory: OwnedFd;

  private constructor(folder: OwnedFd, memory: OwnedFd) {
    this.#folder = folder;
    this.#memory = memory;
  }

  /** @returns the thread, or minus errno: ENOENT, EACCES. Its memory is that of its program now, whatever it executes later */
  static open(tid: number): WaitingThread | number {
    const folder = open(`/proc/${tid}`, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return folder;
    const memory = openat(folder, 'mem', O_RDWR | O_CLOEXEC);
    if (memory >= 0) return new WaitingThread(new OwnedFd(folder), new OwnedFd(memory));
    new OwnedFd(folder).close();
    return memory;
  }

  /** Names its pid namespace, pid_namespaces(7); undefined once it has ended. */
  get pidNamespace(): string | undefined {
    return pidNamespaceIn(this.#folder.number);
  }

  /** @returns `running` where it waits for nothing, or for a processor alone; undefined if it waits in no call, or has ended */
  get call(): CurrentCall | 'running' | undefined {
    const file = openat(this.#folder.number, 'syscall', O_RDONLY | O_CLOEXEC);
    if (file < 0) return undefined;
    using syscall = new OwnedFd(file);
    const line = new Uint8Array(LINE_BYTES);
    const length = pread(syscall.number, line, line.length, 0);
    return length < 0 ? undefined : readCall(Buffer.from(line.subarray(0, length)).toString('latin1'));
  }

  /** @returns whether all bytes were read */
  read(address: bigint, into: Uint8Array): boolean {
    return address < HIGHEST && pread(this.#memory.number, into, into.length, address) === into.length;
  }

  /** @returns whether all bytes were written. A private mapping that is read-only is written too, as by ptrace(2) */
  write(address: bigint, bytes: Uint8Array): boolean {
    return address < HIGHEST && pwrite(this.#memory.number, bytes, bytes.length, address) === bytes.length;
  }

  [Symbol.dispose](): void {
    this.#memory.close();
    this.#folder.close();
  }
}

/** Names the pid namespace of a process; undefined if it has ended. */
export function pidNamespaceOf(pid: number): string | undefined {
  const folder = open(`/proc/${pid}`, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return undefined;
  using handle = new OwnedFd(folder);
  return pidNamespaceIn(handle.number);
}

function pidNamespaceIn(folder: number): string | undefined {
  const text = new Uint8Array(LINK_BYTES);
  const length = readlinkat(folder, 'ns/pid', text, text.length);
  return length <= 0 ? undefined : Buffer.from(text.subarray(0, length)).toString('latin1');
}

/**
 * @param line of /proc/pid/syscall: number, six arguments, stack pointer and program counter; or `running`; or -1 and the two
 *   pointers
 */
export function readCall(line: string): CurrentCall | 'running' | undefined {
  if (line === 'running\n') return 'running';
  const found = /^(\d+)((?: 0x[0-9a-f]{1,16}){6}) 0x[0-9a-f]+ 0x[0-9a-f]+\n$/.exec(line);
  if (found === null) return undefined;
  const [, number, words = ''] = found;
  return { number: Number(number), arguments: words.trim().split(' ').map(BigInt) };
}
