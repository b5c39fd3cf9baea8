// Reads the declarations of all test files.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Proof, readProofs } from './proofs.js';

/** @param top the folder of package.json */
export function readAllProofs(top: string): readonly Proof[] {
  return readdirSync(join(top, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .sort()
    .flatMap((path) => readProofs(`test/${path}`, readFileSync(join(top, 'test', path), 'utf8')));
}
