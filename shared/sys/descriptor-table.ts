// The table of descriptors of another process: fdinfo of proc(5) by open(2), getdents64(2) and read(2), and kcmp(2). A trapped call waits
// meanwhile, and node:fs takes four times as long. Runs in the broker, which may read fdinfo but may not list fd.
import { constants as files } from 'node:fs';
import { constants } from 'node:os';
import { O_CLOEXEC } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { bind, close, read } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { KCMP_FILE, SYS, syscallLongs } from './syscall.js';

const MAX_STAT_BYTES = 144;
const SEEK_SET = 0;
const D_RECLEN = 16;
const D_NAME = 19;
/** The size of an entry whose name is the number of a descriptor. */
const MAX_ENTRY_BYTES = 32;
/** A table whose numbers lie further apart is listed. Otherwise each number is tried. */
const PROBES_PER_DESCRIPTOR = 2;
const { EBADF } = constants.errno;
/** Its bit differs between x86-64 and arm64. */
const { O_DIRECTORY } = files;

const open = bind('int open(const char *path, int flags)');
const pread = bind('long pread(int fd, void *buffer, size_t length, long offset)');
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

/** A descriptor as proc(5) shows it. */
export interface DescriptorEntry {
  readonly descriptor: number;
  /** Whether execve(2) closes it. */
  readonly closesOnExec: boolean;
}

/** Compares a descriptor with an open file, as kcmp(2) does. */
type Compare = (descriptor: number) => number;

/** The table of one thread. It is empty once the thread has ended, even if another thread has its number then. */
export class DescriptorTable {
  readonly #tid: number;
  /** undefined: there is no such thread. */
  readonly #folder: OwnedFd | undefined;
  /** The open fdinfo file of the last descriptor, which is read anew each time. Most threads use one descriptor. */
  #info: { readonly descriptor: number; readonly file: OwnedFd } | undefined;

  constructor(tid: number) {
    this.#tid = tid;
    const folder = open(`/proc/${tid}/fdinfo`, O_DIRECTORY | O_CLOEXEC);
    this.#folder = folder < 0 ? undefined : new OwnedFd(folder);
  }

  /**
   * All descriptors of one open file.
   *
   * @param known one of them, always the first of the result
   * @param most the largest table that is searched. In a larger one only the known descriptor is found
   */
  sharing(known: number, most: number): readonly DescriptorEntry[] {
    const first = { descriptor: known, closesOnExec: this.closesOnExec(known) };
    return [first, ...this.others(known, most, (other) => this.#compare(known, other))];
  }

  /** Whether execve(2) closes a descriptor. */
  closesOnExec(descriptor: number): boolean {
    return this.#folder !== undefined && closesOnExec(this.#inform(this.#folder.number, descriptor));
  }

  /**
   * The other descriptors of an open file.
   *
   * @param known a number that is left out
   * @param most as in {@link sharing}
   * @param compare 0 for a descriptor of that file, 1 or more for another one, or minus errno
   */
  others(known: number, most: number, compare: Compare): readonly DescriptorEntry[] {
    if (this.#folder === undefined) return [];
    const folder = this.#folder.number;
    return this.#others(folder, known, most, compare).map((descriptor) => ({
      descriptor,
      closesOnExec: closesOnExec(readInfo(folder, descriptor)),
    }));
  }

  close(): void {
    this.#folder?.close();
    this.#info?.file.close();
  }

  #others(folder: number, known: number, most: number, compare: Compare): readonly number[] {
    const count = countOf(folder);
    if (count > most) return [];
    const found = count > 0 ? tryOut(known, count, compare) : undefined;
    return found ?? listNumbers(folder, most).filter((other) => isSame(folder, known, other, compare));
  }

  /** kcmp(2). @returns 0 for one open file, 1 or more for two, or minus errno */
  #compare(one: number, other: number): number {
    return syscallLongs(SYS.kcmp, this.#tid, this.#tid, KCMP_FILE, one, other);
  }

  /** Like readInfo(), from a file that stays open. */
  #inform(folder: number, descriptor: number): number {
    if (this.#info?.descriptor !== descriptor) {
      this.#info?.file.close();
      this.#info = undefined;
      const file = openat(folder, String(descriptor), O_CLOEXEC);
      if (file < 0) return 0;
      this.#info = { descriptor, file: new OwnedFd(file) };
    }
    return Math.max(0, pread(this.#info.file.number, info, info.length, 0));
  }
}

/** @returns undefined if some were not found: numbers far apart, or a kernel that cannot compare */
function tryOut(known: number, count: number, compare: Compare): readonly number[] | undefined {
  const found: number[] = [];
  let met = 0;
  for (let descriptor = 0; met < count; descriptor += 1) {
    if (descriptor > PROBES_PER_DESCRIPTOR * count) return undefined;
    const order = descriptor === known ? 1 : compare(descriptor);
    if (order === -EBADF) continue;
    if (order < 0) return undefined;
    met += 1;
    if (order === 0) found.push(descriptor);
  }
  return found;
}

function isSame(folder: number, known: number, other: number, compare: Compare): boolean {
  if (other === known) return false;
  const order = compare(other);
  if (order >= 0 || order === -EBADF) return order === 0;
  // The kernel has no kcmp (CONFIG_KCMP), or a filter or security module refuses it.
  const file = identify(folder, known);
  // protects: G5 a socket's duplicates are found where kcmp(2) is refused => return false;
  return file !== undefined && file === identify(folder, other);
}

/**
 * The number of descriptors: the size of fd in proc(5), from Linux 6.2 on. Only the user of the thread may list that folder. 0 on an older
 * kernel, and once the thread is gone.
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

/** The second line is `flags:` and an octal number. @param length of the text in `info` */
function closesOnExec(length: number): boolean {
  let flags = 0;
  const start = info.indexOf(10) + 'flags:\t'.length + 1;
  for (let at = start; at < length; at += 1) {
    const digit = (info[at] ?? 0) - 48;
    if (digit < 0 || digit > 7) break;
    flags = flags * 8 + digit;
  }
  return (flags & O_CLOEXEC) !== 0;
}

/** The mount and the inode of a descriptor: each socket has its own inode. Undefined where proc(5) does not tell. */
function identify(folder: number, descriptor: number): string | undefined {
  const told = text.decode(info.subarray(0, readInfo(folder, descriptor)));
  const [mount, inode] = [/^mnt_id:\s+\d+/m.exec(told)?.[0], /^ino:\s+\d+/m.exec(told)?.[0]];
  return mount === undefined || inode === undefined ? undefined : `${mount} ${inode}`;
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
    // There was room for another entry, so there is none.
    if (length + MAX_ENTRY_BYTES <= entries.length) return numbers;
  }
}

/** The number in the name of an entry; `.` and `..` are none. */
function nameAt(start: number): number | undefined {
  let number: number | undefined;
  for (let at = start; ; at += 1) {
    const digit = (entries[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return number;
    number = (number ?? 0) * 10 + digit;
  }
}
