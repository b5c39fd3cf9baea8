// Starts a target's process and waits for its end. It returns the finding, or the input on which the process crashed or hung.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCurrent } from './current-input.js';
import type { LoopProgress } from './fuzz-loop.js';
import type { Memory } from './memory.js';
import type { Told } from './run-target.js';

export interface Ending {
  readonly progress: LoopProgress | undefined;
  readonly memory: { readonly start: Memory; readonly end: Memory } | undefined;
  readonly finding:
    | { readonly bytes: Uint8Array; readonly message: string; readonly stack: string }
    | undefined;
}

export interface WatchOptions {
  readonly milliseconds: number;
  readonly seed: number;
  readonly onProgress: (progress: LoopProgress, rss: number) => void;
  readonly onKept: (bytes: Uint8Array) => void;
}

const HANG_MS = 20_000;
const LOOK_MS = 1000;

export async function watchTarget(name: string, options: WatchOptions): Promise<Ending> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-'));
  const path = join(folder, 'current');
  const program = fileURLToPath(new URL('run-target.js', import.meta.url));
  const child = fork(program, [name, String(options.milliseconds), String(options.seed), path]);
  let progress: LoopProgress | undefined;
  let memory: Ending['memory'];
  let finding: Ending['finding'];
  child.on('message', (told: Told) => {
    if (told.type === 'kept') return options.onKept(fromHex(told.hex));
    if (told.type === 'finding') {
      finding = { bytes: fromHex(told.hex), message: told.message, stack: told.stack };
      return;
    }
    progress = told.progress;
    if (told.type === 'progress') options.onProgress(told.progress, told.rss);
    else memory = { start: told.start, end: told.end };
  });
  const stopWatching = watchForHang(path, () => child.kill('SIGKILL'));
  try {
    const [code, signal] = await once(child, 'exit');
    const hung = stopWatching();
    const current = readCurrent(path);
    if (finding === undefined && code !== 0 && current !== undefined) {
      const message = hung
        ? `hangs: not over within ${HANG_MS / 1000} s`
        : `ends its process: ${signal ?? code}`;
      finding = { bytes: current.bytes, message, stack: '' };
    }
    if (finding === undefined && memory === undefined)
      throw new Error(`${name} ended with ${signal ?? code}`);
    return { progress, memory, finding };
  } finally {
    stopWatching();
    rmSync(folder, { recursive: true });
  }
}

/** @returns stops it, and says whether there was one */
function watchForHang(path: string, onHang: () => void): () => boolean {
  let last = -1;
  let since = performance.now();
  let hung = false;
  const timer = setInterval(() => {
    const count = readCurrent(path)?.count ?? -1;
    const now = performance.now();
    if (count !== last) since = now;
    last = count;
    // The process is still starting until its first input.
    if (count < 0 || now - since < HANG_MS || hung) return;
    hung = true;
    onHang();
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    return hung;
  };
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
