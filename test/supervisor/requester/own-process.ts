// A process in the place of the one that makes requests (sandbox/requester/), without a sandbox.
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { StartOwn } from '../../../sandbox/supervisor/requester/requester.js';
import { Sandbox } from '../../../sandbox/supervisor/start/sandbox.js';
import { duplicate } from '../../../shared/sys/fcntl.js';

export interface OwnProcess {
  /** The lines that it has read, when it has read two. */
  readonly heard: Promise<readonly string[]>;
  readonly wasKilled: () => boolean;
}

/** @param words what it says to its first request. Then it waits for its end; without words it ends @param pieces how often it says them */
export function saying(words: string, pieces = 1): StartOwn & OwnProcess {
  let killed = false;
  let heard: (lines: readonly string[]) => void = () => {};
  const start: StartOwn = async (_config, streams) => {
    const { descriptors } = streams();
    const [input, stdout] = descriptors;
    assert.ok(input !== undefined && stdout !== undefined);
    const said = duplicate(stdout.number);
    const reader = new Socket({ fd: duplicate(input.number).release(), readable: true, writable: false });
    for (const descriptor of descriptors) descriptor.close();
    let end = (): void => {};
    const ended = new Promise<{ readonly kind: 'exited'; readonly status: number }>((resolve) => {
      end = () => {
        reader.destroy();
        if (said.open) said.close();
        resolve({ kind: 'exited', status: 0 });
      };
    });
    const lines: string[] = [];
    createInterface({ input: reader }).on('line', async (line) => {
      if (lines.push(line) !== 2) return;
      heard(lines);
      for (let left = pieces; left > 0 && said.open; left -= 1) {
        writeSync(said.number, words);
        await new Promise(setImmediate);
      }
      if (words.trim() === '') end();
    });
    const kill = (): void => {
      killed = true;
      end();
    };
    return Object.assign(new Sandbox(0, undefined, undefined), { ended, kill });
  };
  return Object.assign(start, {
    heard: new Promise<readonly string[]>((resolve) => {
      heard = resolve;
    }),
    wasKilled: () => killed,
  });
}
