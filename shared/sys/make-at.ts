// mkdirat(2) and openat(2) with O_CREAT: makes a file in an open folder. Runs in the launcher.
import { constants } from 'node:fs';
import { O_CLOEXEC } from './file-constants.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { succeed } from './system-error.js';

const mkdirat = bind('int mkdirat(int folder, const char *name, uint mode)');
const openat = bind('int openat(int folder, const char *name, int flags, uint mode)');
const { O_CREAT, O_EXCL, O_WRONLY } = constants;

/** @throws SystemError EEXIST too */
export function makeFolderAt(folder: number, name: string, mode: number): void {
  succeed(mkdirat(folder, name, mode), 'mkdirat', name);
}

/** Makes an empty file. @throws SystemError EEXIST too */
export function makeFileAt(folder: number, name: string, mode: number): void {
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC;
  new OwnedFd(succeed(openat(folder, name, flags, mode), 'openat', name)).close();
}
