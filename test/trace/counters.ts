// The counters of a traced build: one byte for each module, which is 1 once the module has run. They lie in a file that every process of a test
// maps. So they outlive a process that ends by SIGKILL, and the broker, whose sandbox opens no file for writing, mapped them before it entered.
// This file becomes a module of the traced build. Code inside a sandbox cannot open the file: it counts for itself, and nobody reads that.
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffi from 'koffi';

/** The build puts these here: the file, its size, and the process that runs the tests. */
const FILE = '@COUNTERS_FILE@';
const RUNNER = '@COUNTERS_RUNNER@';
const BYTES = Number('@COUNTERS_BYTES@');
/** Where every process maps it: low enough for a processor with 39 bits of addresses, and used by nothing else. */
const ADDRESS = 0x2a_0000_0000n;
const NO_FD = -1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x1;
const MAP_PRIVATE = 0x2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_NOREPLACE = 0x10_0000;

/** The programs of a process each have this module. They share one view. */
const shared = globalThis as { posternRan?: Uint8Array };
shared.posternRan ??= mapCounters() ?? new Uint8Array(BYTES);

export const ran: Uint8Array = shared.posternRan;

/**
 * A broker of root makes its mounts read-only, and the kernel refuses that while a file of theirs is mapped for writing, mount_setattr(2). So it
 * opens the file in the mounts of the process that runs the tests. Another user may not go there, and does not need to.
 */
function openFile(): number {
  try {
    return openSync(`/proc/${RUNNER}/root${FILE}`, 'r+');
  } catch {
    return openSync(FILE, 'r+');
  }
}

/** @returns undefined where the file cannot be opened */
function mapCounters(): Uint8Array | undefined {
  try {
    const { load, view } = createRequire(import.meta.url)('koffi') as typeof koffi;
    const mmap = load(null).func(
      'void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)',
    );
    // A thread finds the mapping of its process: it may start in the broker's sandbox. Else this reserves the addresses. Where the file cannot be
    // opened, the threads count there.
    const reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (mmap(ADDRESS, BYTES, PROT_READ_WRITE, reserve, NO_FD, 0) === ADDRESS) {
      const fd = openFile();
      const address: unknown = mmap(ADDRESS, BYTES, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
      closeSync(fd);
      if (address !== ADDRESS) return undefined;
    }
    // SAFETY: the mapping stays until the process ends.
    return new Uint8Array(view(ADDRESS, BYTES));
  } catch {
    return undefined;
  }
}
