// The kept inputs, one file each: hexadecimal with remarks (.hex), or the bytes themselves. Former findings are among them.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('corpus', import.meta.url));

export interface CorpusFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

export function readCorpus(target: string): CorpusFile[] {
  const folder = join(here, target);
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, bytes: readInput(join(folder, file)) }));
}

/** `# …` to a line's end is a remark in a .hex file. */
export function readInput(path: string): Uint8Array {
  if (!path.endsWith('.hex')) return new Uint8Array(readFileSync(path));
  const digits = readFileSync(path, 'utf8').replace(/#.*$/gm, '').replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new TypeError(`Not hexadecimal: ${path}`);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** @returns the path of the new file, named by a hash of its content */
export function writeInput(folder: string, target: string, bytes: Uint8Array, remark: string): string {
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const path = join(folder, `${target}-${name}.hex`);
  const lines = Buffer.from(bytes)
    .toString('hex')
    .match(/.{1,64}/g);
  writeFileSync(path, `# ${remark.replace(/[^ -~]+/g, ' ')}\n${(lines ?? []).join('\n')}\n`);
  return path;
}
