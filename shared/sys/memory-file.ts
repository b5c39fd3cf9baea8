// memfd_create(2), ftruncate(2) and mmap(2): memory that outlives a process, since another one has its descriptor, and bytes that nobody can
// change on their way to another process. Runs in supervisor, broker and launcher.
import { fchmodSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { hasSealedBytes, sealBytes, sealSize } from './fcntl.js';
import { bind, SystemError, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Linux 6.3. Without it, vm.memfd_noexec decides. */
const MFD_EXEC = 0x10;
const O_PATH = 0o10000000;
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;

const SEEK_DATA = 3;

const lseek = bind('long lseek(int fd, long offset, int whence)');
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
  return makeFile(name, (fd) => sizeForGood(fd, bytes));
}

function sizeForGood(fd: number, bytes: number): void {
  ftruncateSync(fd, bytes);
  // protects: G16 a broker changes the size of no memory that the next one gets
  sealSize(fd);
}

const COPIED_BYTES = 64 * 1024;
const copied = new Uint8Array(COPIED_BYTES);

/**
 * Puts another file with the same bytes in the place of one that {@link createMemoryFile} has made, and closes that. A process that still has the
 * former one changes nothing in the other. It may write there meanwhile, so the steps have a bound.
 *
 * @param bytes its size
 */
export function renewMemoryFile(former: OwnedFd, name: string, bytes: number): OwnedFd {
  const file = makeFile(name, (fd) => {
    sizeForGood(fd, bytes);
    for (let at = dataFrom(former, 0); at >= 0; at = dataFrom(former, at + COPIED_BYTES)) {
      const length = readSync(former.number, copied, 0, COPIED_BYTES, at);
      writeSync(fd, copied, 0, length, at);
    }
  });
  former.close();
  return file;
}

/** Where the first bytes from a place on lie that were ever used; minus ENXIO if there are none, lseek(2). */
function dataFrom(file: OwnedFd, at: number): number {
  return lseek(file.number, at, SEEK_DATA);
}

/** @param fill gets the descriptor. If it fails, as where memory is short, the file is closed */
function makeFile(name: string, fill: (fd: number) => void): OwnedFd {
  const file = new OwnedFd(succeed(memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create'));
  try {
    fill(file.number);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A file without a name that holds these bytes for good, close-on-exec: no process that gets a descriptor of it can change them. */
export function createSealedFile(name: string, bytes: Uint8Array): OwnedFd {
  return makeFile(name, (fd) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
    // protects: G16 launch: a broker changes no spec on its way (fails closed)
    sealBytes(fd);
  });
}

/**
 * A program without a name, close-on-exec. Nobody can open it for writing.
 *
 * @param mode 0o111: nobody may read it either, except who has CAP_DAC_READ_SEARCH over its owner
 * @returns a handle (O_PATH)
 * @throws SystemError EACCES where vm.memfd_noexec is 2
 */
export function createExecutableFile(name: string, bytes: Uint8Array, mode: number): OwnedFd {
  const result = memfdCreate(name, MFD_CLOEXEC | MFD_EXEC);
  const made = result === -constants.errno.EINVAL ? memfdCreate(name, MFD_CLOEXEC) : result;
  using file = new OwnedFd(succeed(made, 'memfd_create'));
  for (let at = 0; at < bytes.length; ) at += writeSync(file.number, bytes, at, bytes.length - at, at);
  fchmodSync(file.number, mode);
  return new OwnedFd(openSync(`/proc/self/fd/${file.number}`, O_PATH));
}

/**
 * The bytes of a file that {@link createSealedFile} has made. They are read by their place: all descriptors of the file share its position, and a
 * stranger may have moved it.
 *
 * @returns undefined for a file that somebody could still change
 */
export function readSealedFile(fd: number): Uint8Array | undefined {
  // protects: G16 launch: a spec that somebody could still change is not taken
  if (!hasSealedBytes(fd)) return undefined;
  const bytes = new Uint8Array(fstatSync(fd).size);
  for (let at = 0; at < bytes.length; ) at += readSync(fd, bytes, at, bytes.length - at, at);
  return bytes;
}

function map(length: number, protection: number, flags: number, fd: number): bigint {
  const address: unknown = mmap(null, length, protection, flags, fd, 0);
  if (typeof address !== 'bigint' || address === 0xffffffffffffffffn)
    throw new SystemError('mmap', koffi.errno(), 'memfd');
  return address;
}

/** Instructions in memory, for the life of this process. @returns the address of the first one */
export function mapCode(code: Uint8Array): bigint {
  using file = createSealedFile('code', code);
  return map(code.length, PROT_READ_EXEC, MAP_PRIVATE, file.number);
}

/** The shared memory of a file, until it is closed. */
export class MappedMemory {
  readonly #length: number;
  readonly #address: bigint;
  #bytes: Uint8Array | undefined;

  constructor(fd: number, length: number) {
    this.#address = map(length, PROT_READ_WRITE, MAP_SHARED, fd);
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
