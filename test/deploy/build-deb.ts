// Makes the Debian package of this tree.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { distFor } from '../harness/users.js';

const TOP = join(distFor('root'), '..');

/** @returns what the program prints; fails where it fails */
export function runIn(folder: string, ...words: readonly string[]): string {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, `${words.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/** @param folder an empty one @returns the path of the package */
export function buildDeb(folder: string): string {
  runIn(folder, 'npm', 'pack', TOP, '--ignore-scripts', '--silent', '--pack-destination', folder);
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  return runIn(folder, join(TOP, 'deploy/debian/build.sh'), tarball, folder).trim();
}
