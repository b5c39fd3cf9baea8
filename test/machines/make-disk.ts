// A disk with a folder's files, made without mounting it.
import { truncateSync, writeFileSync } from 'node:fs';
import { command } from './command.js';

export async function makeDisk(folder: string, file: string, sizeMib: number): Promise<void> {
  writeFileSync(file, '');
  truncateSync(file, sizeMib * 1024 * 1024);
  await command(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-d', folder, '-m', '0', file], {
    seconds: 300,
  });
}
