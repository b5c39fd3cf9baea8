// Runs a command to its end.
import { spawn } from 'node:child_process';
import { endWithBench } from '../end-with-bench.js';

export interface Ended {
  readonly ms: number;
  readonly stdout: string;
}

const MAX_MS = 120_000;

/** @throws Error with what it said, if it fails */
export function runOnce(words: readonly string[], cwd = '/'): Promise<Ended> {
  const [program = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const began = performance.now();
    // In its own session, as a plugin is.
    const child = spawn(program, args, {
      ...{ cwd, timeout: MAX_MS, detached: true },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithBench(child);
    let [stdout, stderr, ms] = ['', '', 0];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-500);
    });
    child.once('error', reject);
    child.once('exit', () => {
      ms = performance.now() - began;
    });
    child.once('close', (status, signal) => {
      if (status === 0) resolve({ ms, stdout });
      else reject(new Error(`${program} ended with ${status ?? signal}: ${(stderr || stdout).trim()}`));
    });
  });
}
