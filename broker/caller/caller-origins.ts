// The processes behind the calls of one sandbox, for the account and the audit log. Runs in the broker. A program chooses its own name:
// it may be any bytes, and is printed quoted.
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { BoundedMap } from '../../shared/bounded-map.js';
import type { Origin } from '../record/origin.js';

/** After this time a program's name is read again: execve(2) and prctl(2) change it. */
const FRESH_MS = 1000;
const KEPT_ORIGINS = 256;

interface Known {
  readonly origin: Origin;
  /** As performance.now(). */
  readonly readAt: number;
}

export class CallerOrigins {
  /** By thread. */
  readonly #known = new BoundedMap<number, Known>(KEPT_ORIGINS);

  /** @param tid of a call that waits: later another thread may have the id */
  of(tid: number): Origin {
    const now = performance.now();
    const known = this.#known.get(tid);
    if (known !== undefined && now - known.readAt < FRESH_MS) return known.origin;
    const pid = processOfThread(tid);
    const origin: Origin = { door: 'trap', pid: pid ?? null, program: readProgram(pid ?? tid) };
    this.#known.set(tid, { origin, readAt: now });
    return origin;
  }
}

export function processOfThread(tid: number): number | undefined {
  try {
    const pid = Number(/^Tgid:\s+(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, 'latin1'))?.[1]);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}

/** The name that Node 22 and later give their first thread, and so their process. */
const NODES_NAME = /^(?:node-)?MainThread$/;

/** proc(5) comm of the process, since a thread's own name says less. At most 15 bytes, not always UTF-8. */
function readProgram(pid: number): string | null {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\n$/, '');
    return NODES_NAME.test(name) ? basename(readlinkSync(`/proc/${pid}/exe`)) : name;
  } catch {
    return null;
  }
}
