// Makes a folder that belongs to a test's user. Some actions are allowed only to a folder's owner.
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readableFolder, type User } from './users.js';

const NOBODY = 65_534;

/** @returns the path of a new, empty folder that the user owns */
export function ownFolder(user: User): string {
  const folder = join(readableFolder(), 'own');
  mkdirSync(folder, { mode: 0o755 });
  if (process.geteuid?.() === 0 && user === 'user') chownSync(folder, NOBODY, NOBODY);
  return folder;
}
