// memfd_create(2), ftruncate(2) and mmap(2): memory that outlives a process, since another one has its descriptor. Runs in supervisor, broker
// and launcher.
import { ftruncateSync } from 'node:fs';
import koffi from 'koffi';
import { sealSize } from './fcntl.js';
import { bind, SystemError, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

const memfdCreate = bind('int memfd_create(const char *name, uint flags)');
const mmap = koffi
  .load(null)
  .func('void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)');
const munmapCall = bind('int munmap(void *address, size_t length)');

/**
 * A file without a name, full of zeros, close-on-exec. Its size is fixed: who maps a file that another process has cut gets SIGBUS at its first look
 * beyond the end, mmap(2).
 *
 * @param bytes its size
 */
export function createMemoryFile(name: string, bytes: number): OwnedFd {
  const file = new OwnedFd(succeed(memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create'));
  ftruncateSync(file.number, bytes);
  // protects: G16 a broker changes the size of no memory that the next one gets
  sealSize(file.number);
  return file;
}

/** The shared memory of a file, until it is closed. */
export class MappedMemory {
  readonly #length: number;
  readonly #address: bigint;
  #bytes: Uint8Array | undefined;

  constructor(fd: number, length: number) {
    const address: unknown = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (typeof address !== 'bigint' || address === 0xffffffffffffffffn)
      throw new SystemError('mmap', koffi.errno(), 'memfd');
    this.#address = address;
    this.#length = length;
  }

  /** All of it. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.part(0, this.#length);
    return this.#bytes;
  }

  /** A part of it. V8 counts a view as memory, whether its pages exist or not. */
  part(at: number, length: number): Uint8Array {
    if (at < 0 || at + length > this.#length) throw new RangeError('Not a part of the memory');
    // SAFETY: the mapping stays until close(). Its owner must drop every view before.
    return new Uint8Array(koffi.view(this.#address + BigInt(at), length));
  }

  close(): void {
    munmapCall(this.#address, BigInt(this.#length));
  }
}
