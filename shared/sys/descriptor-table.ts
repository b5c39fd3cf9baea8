// Another process's table of descriptors, proc(5) fdinfo: open(2), getdents64(2), read(2). By hand, since a trapped call waits
// meanwhile, and node:fs takes four times as long. Runs in the broker, which may read fdinfo where it may not list fd.
import { bind, bindOnce } from './libc.js';

const O_RDONLY_DIRECTORY = 0o200000;
const O_CLOEXEC = 0o2000000;
const D_RECLEN = 16;
const D_NAME = 19;

const open = bind('int open(const char *path, int flags)');
const close = bindOnce('int close(int fd)');
const read = bind('long read(int fd, void *buffer, size_t length)');
const getdents = bind('long getdents64(int fd, void *buffer, size_t length)');
const openat = bind('int openat(int folder, const char *path, int flags)');

const text = new TextDecoder('latin1');
const entries = new Uint8Array(4096);
const entriesView = new DataView(entries.buffer);
const info = new Uint8Array(1024);

/** What proc(5) tells of a descriptor. */
export interface DescriptorEntry {
  readonly descriptor: number;
  /** Whether execve(2) closes it. */
  readonly closesOnExec: boolean;
}

/**
 * A thread's descriptors of one open file.
 *
 * @param inode the file's: a socket has one of its own
 * @param known one of them; it is told of in any case
 * @param most how many are looked at: in a larger table the known one is found alone
 */
export function descriptorsOf(
  tid: number,
  inode: number,
  known: number,
  most: number,
): readonly DescriptorEntry[] {
  const folder = open(`/proc/${tid}/fdinfo`, O_RDONLY_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return [{ descriptor: known, closesOnExec: false }];
  try {
    return [known, ...listNumbers(folder, most).filter((number) => number !== known)].flatMap(
      (descriptor) => {
        const entry = readEntry(folder, descriptor);
        return descriptor === known || entry.inode === inode
          ? [{ descriptor, closesOnExec: entry.closesOnExec }]
          : [];
      },
    );
  } finally {
    close(folder);
  }
}

function readEntry(
  folder: number,
  descriptor: number,
): { readonly inode: number; readonly closesOnExec: boolean } {
  const fd = openat(folder, String(descriptor), O_CLOEXEC);
  const length = fd < 0 ? 0 : read(fd, info, info.length);
  if (fd >= 0) close(fd);
  const told = text.decode(info.subarray(0, Math.max(0, length)));
  return {
    inode: numberAfter(told, 'ino:', 10),
    closesOnExec: (numberAfter(told, 'flags:', 8) & O_CLOEXEC) !== 0,
  };
}

function numberAfter(told: string, field: string, radix: number): number {
  const at = told.indexOf(field);
  return at < 0 ? 0 : Number.parseInt(told.slice(at + field.length, at + field.length + 24), radix);
}

function listNumbers(folder: number, most: number): readonly number[] {
  const numbers: number[] = [];
  for (;;) {
    const length = getdents(folder, entries, entries.length);
    if (length <= 0) return numbers;
    for (let at = 0; at < length; at += entriesView.getUint16(at + D_RECLEN, true)) {
      const number = nameAt(at + D_NAME);
      if (number !== undefined) numbers.push(number);
      if (numbers.length > most) return [];
    }
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
