// The compiled test files below a folder whose path begins with one of the words.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export function testFiles(folder: string, words: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js') && words.some((word) => path.startsWith(word)))
    .map((path) => join(folder, path))
    .sort();
}
