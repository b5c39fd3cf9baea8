// Starts programs that a broker cannot reach into, though its uid owns their user namespace.
//
// Who owns a user namespace has every capability over its processes (ptrace(2)): it opens their root and their working directory (proc(5)), and duplicates
// their descriptors (pidfd_getfd(2)). The kernel makes one exception. If a process executes a file that it may not read, then its memory and its
// descriptors are not for those who only have capabilities over its user namespace. They are for those who have them over the innermost one in
// which the ids of the file's owner are mapped, would_dump() in fs/exec.c. That is the supervisor's, or a user's brokers', and no broker has a
// capability there.
//
// A program's own file can be read by everybody, and Node's is too large to copy. So what is executed is a copy of the dynamic loader, ld.so(8), of mode 0111.
// It loads the program.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { SystemError } from '../../shared/sys/libc.js';
import { createExecutableFile } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { findProgram, SYSTEM_PATH } from './find-program.js';
import { namespacesFailure } from './namespaces-failure.js';

const PT_INTERP = 3;

/** The loaders of some programs, as descriptors that a child gets. */
export class ClosedPrograms {
  readonly #first: number;
  /** By path: most programs of a host have the same one. */
  readonly #loaders = new Map<string, OwnedFd>();

  /** @param first the number of the first descriptor in the child */
  constructor(first: number) {
    this.#first = first;
  }

  /** In the order of their numbers in the child. */
  get descriptors(): readonly OwnedFd[] {
    return [...this.#loaders.values()];
  }

  /**
   * The words that start a program of the system.
   *
   * @throws PosternError `launch_failed` where the program is missing, or has no loader
   */
  command(name: string): readonly [loader: string, program: string] {
    const path = findProgram(name, '/', SYSTEM_PATH);
    if (path === undefined) throw namespacesFailure(`${name}: not found in ${SYSTEM_PATH}`);
    return [this.loaderOf(path), path];
  }

  /** The path by which the child executes the loader of a program. @throws as {@link command} */
  loaderOf(program: string): string {
    const path = interpreterOf(program);
    if (!this.#loaders.has(path)) this.#loaders.set(path, copyOf(path));
    return `/proc/self/fd/${this.#first + [...this.#loaders.keys()].indexOf(path)}`;
  }

  [Symbol.dispose](): void {
    for (const loader of this.#loaders.values()) loader.close();
  }
}

function copyOf(loader: string): OwnedFd {
  const mode = /* protects: G16 launch: a program that starts a sandbox cannot be looked into => 0o555 */ 0o111;
  try {
    return createExecutableFile('loader', readFileSync(loader), mode);
  } catch (cause) {
    if (!(cause instanceof SystemError) || cause.code !== 'EACCES') throw cause;
    // The setting is that of this pid namespace, or of one above it.
    throw new PosternError(
      'launch_failed',
      'Cannot start the sandbox: vm.memfd_noexec is 2, so no program of memory starts',
      {
        fix: 'sysctl vm.memfd_noexec=1, on the host of a container',
        fields: { step: 'namespaces' },
        cause,
      },
    );
  }
}

/** The loader that the file of a program names, elf(5): of 64 bits, and little-endian as each processor that postern runs on. */
function interpreterOf(program: string): string {
  const fd = openSync(program, 'r');
  try {
    const header = readAt(fd, 0, 64);
    const [from, size, count] = [
      header.readBigUInt64LE(32),
      header.readUInt16LE(54),
      header.readUInt16LE(56),
    ];
    for (let index = 0; index < count; index += 1) {
      const segment = readAt(fd, Number(from) + index * size, 56);
      if (segment.readUInt32LE(0) !== PT_INTERP) continue;
      const [at, length] = [segment.readBigUInt64LE(8), segment.readBigUInt64LE(32)];
      return readAt(fd, Number(at), Number(length) - 1).toString('utf8');
    }
  } finally {
    closeSync(fd);
  }
  throw new PosternError(
    'launch_failed',
    `Cannot start "${program}" so that no broker reaches into it: it is linked statically`,
    {
      fix: 'install one that is linked dynamically',
      fields: { step: 'namespaces' },
    },
  );
}

/** Bytes beyond the end are 0. */
function readAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, at);
  return bytes;
}
