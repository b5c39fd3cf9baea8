// Another process's table of descriptors: proc(5) fdinfo by open(2), getdents64(2) and read(2), and kcmp(2). By hand, since a trapped
// call waits meanwhile, and node:fs takes four times as long. Runs in the broker, which may read fdinfo where it may not list fd.
import { constants } from 'node:os';
import { LAYOUT } from './layout.js';
import { bind, bindOnce } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallLongs } from './syscall.js';

const O_RDONLY_DIRECTORY = 0o200000;
const O_CLOEXEC = 0o2000000;
const MAX_STAT_BYTES = 144;
const SEEK_SET = 0;
const D_RECLEN = 16;
const D_NAME = 19;
/** An entry's size where its name is a descriptor's number. */
const MAX_ENTRY_BYTES = 32;
const KCMP_FILE = 0;
const { ENOSYS } = constants.errno;

const open = bind('int open(const char *path, int flags)');
const close = bindOnce('int close(int fd)');
const read = bind('long read(int fd, void *buffer, size_t length)');
const lseek = bind('long lseek(int fd, long offset, int whence)');
const getdents = bind('long getdents64(int fd, void *buffer, size_t length)');
const fstatat = bind('int fstatat(int folder, const char *path, void *stat, int flags)');
const openat = bind('int openat(int folder, const char *path, int flags)');

const text = new TextDecoder('latin1');
const entries = new Uint8Array(4096);
const entriesView = new DataView(entries.buffer);
const info = new Uint8Array(1024);
const statBytes = new Uint8Array(MAX_STAT_BYTES);
const statView = new DataView(statBytes.buffer);

/** What proc(5) tells of a descriptor. */
export interface DescriptorEntry {
  readonly descriptor: number;
  /** Whether execve(2) closes it. */
  readonly closesOnExec: boolean;
}

/** The table of one thread. Once the thread has ended it is empty, whoever has its number then. */
export class DescriptorTable {
  readonly #tid: number;
  /** undefined where there is no such thread. */
  readonly #folder: OwnedFd | undefined;

  constructor(tid: number) {
    this.#tid = tid;
    const folder = open(`/proc/${tid}/fdinfo`, O_RDONLY_DIRECTORY | O_CLOEXEC);
    this.#folder = folder < 0 ? undefined : new OwnedFd(folder);
  }

  /**
   * All descriptors of one open file.
   *
   * @param known one of them; it is told of in any case
   * @param most how many are looked at: in a larger table the known one is found alone
   */
  sharing(known: number, most: number): readonly DescriptorEntry[] {
    if (this.#folder === undefined) return [{ descriptor: known, closesOnExec: false }];
    const folder = this.#folder.number;
    const found: DescriptorEntry[] = [];
    const others = countOf(folder) > most ? [] : listNumbers(folder, most);
    for (const descriptor of [known, ...others]) {
      if (descriptor === known ? found.length > 0 : !this.#isSame(folder, known, descriptor)) continue;
      found.push({ descriptor, closesOnExec: (readFlags(folder, descriptor) & O_CLOEXEC) !== 0 });
    }
    return found;
  }

  close(): void {
    this.#folder?.close();
  }

  #isSame(folder: number, one: number, other: number): boolean {
    const order = syscallLongs(SYS.kcmp, this.#tid, this.#tid, KCMP_FILE, one, other);
    if (order !== -ENOSYS) return order === 0;
    // A kernel without CONFIG_KCMP: a socket has an inode of its own.
    return readInode(folder, one) === readInode(folder, other);
  }
}

/**
 * How many descriptors there are: the size of proc(5) fd, which nobody but the thread's user may list, from Linux 6.2 on; before, and
 * once the thread is gone, 0.
 */
function countOf(folder: number): number {
  if (fstatat(folder, '../fd', statBytes, 0) < 0) return 0;
  return Number(statView.getBigInt64(LAYOUT['struct stat'].st_size, true));
}

function readInfo(folder: number, descriptor: number): number {
  const fd = openat(folder, String(descriptor), O_CLOEXEC);
  if (fd < 0) return 0;
  const length = read(fd, info, info.length);
  close(fd);
  return Math.max(0, length);
}

/** The second line is `flags:` and an octal number. */
function readFlags(folder: number, descriptor: number): number {
  const length = readInfo(folder, descriptor);
  let flags = 0;
  const start = info.indexOf(10) + 'flags:\t'.length + 1;
  for (let at = start; at < length; at += 1) {
    const digit = (info[at] ?? 0) - 48;
    if (digit < 0 || digit > 7) break;
    flags = flags * 8 + digit;
  }
  return flags;
}

function readInode(folder: number, descriptor: number): number {
  const told = text.decode(info.subarray(0, readInfo(folder, descriptor)));
  return Number(/^ino:\s+(\d+)/m.exec(told)?.[1] ?? Number.NaN);
}

function listNumbers(folder: number, most: number): readonly number[] {
  const numbers: number[] = [];
  lseek(folder, 0, SEEK_SET);
  for (;;) {
    const length = getdents(folder, entries, entries.length);
    if (length <= 0) return numbers;
    for (let at = 0; at < length; at += entriesView.getUint16(at + D_RECLEN, true)) {
      const number = nameAt(at + D_NAME);
      if (number !== undefined) numbers.push(number);
      if (numbers.length > most) return [];
    }
    // Where there was room for another entry, there is none.
    if (length + MAX_ENTRY_BYTES <= entries.length) return numbers;
  }
}

/** The number that an entry's name is; `.` and `..` are none. */
function nameAt(start: number): number | undefined {
  let number: number | undefined;
  for (let at = start; ; at += 1) {
    const digit = (entries[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return number;
    number = (number ?? 0) * 10 + digit;
  }
}
