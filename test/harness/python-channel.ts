// The channel's client in Python, as the head of a program that a test runs in a sandbox.
import { readFileSync } from 'node:fs';

/** postern_client.py without what it does as a program: class `Channel` and its errors. */
export const PYTHON_CHANNEL: string = readFileSync(
  new URL('../interop/postern_client.py', import.meta.url),
  'utf8',
).replace(/\nif __name__ == [\s\S]*$/, '\n');
