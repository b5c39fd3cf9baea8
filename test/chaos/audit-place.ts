// Where a chaos run has its audit log: a pipe that a program reads, or a file on a small disk. The disk needs root.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AuditPlace {
  /** The destination, as in `audit:`. */
  readonly path: string;
  /** Reads the pipe. */
  readonly reader?: ChildProcess;
  /** Leaves no room on the disk, until the returned function is called. */
  readonly fill?: () => () => void;
  /** The log, once its writer has ended. */
  readonly whole: () => Promise<string>;
}

const DISK_MIB = 64;

/** @param folder which every user may read */
export function auditPipe(folder: string): AuditPlace {
  const path = join(open(folder), 'pipe');
  spawnSync('mkfifo', ['-m', '666', path]);
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  reader.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const closed = once(reader, 'close');
  return { path, reader, whole: () => closed.then(() => text) };
}

/** @param folder which every user may read */
export function auditDisk(folder: string): AuditPlace {
  const disk = open(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'postern-chaos', disk]);
  if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr}`);
  // Before the folders of the run are removed.
  process.prependOnceListener('exit', () => spawnSync('umount', ['--lazy', disk]));
  const path = join(disk, 'audit.log');
  const filler = join(disk, 'filler');
  return {
    path,
    fill: () => {
      try {
        writeFileSync(filler, Buffer.alloc((DISK_MIB + 1) * 1024 * 1024));
      } catch {
        // ENOSPC, as it is meant.
      }
      return () => rmSync(filler);
    },
    whole: async () => readFileSync(path, 'utf8'),
  };
}

function open(folder: string): string {
  const inner = join(folder, 'audit');
  mkdirSync(inner);
  chmodSync(inner, 0o777);
  return inner;
}
