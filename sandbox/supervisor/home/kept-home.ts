// Checks the homes that outlast a plugin's runs, and makes missing ones, before anything is started. All of it works on
// descriptors, so that no link is followed.
import { accessSync, constants, fstatSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shellWord } from '../../host/shell-word.js';
import { hostFiles } from '../files/host-files.js';
import { withoutTopLink } from './home-problems.js';

const OWNER_ALL = 0o700;

/**
 * Makes the home if it is missing, before any plugin sees what lies around it.
 *
 * @throws PosternError `bad_home` if it cannot be made
 */
export function makeHome(path: string): void {
  withHome(path, (folder, home) => {
    if (folder === undefined) make(home).close();
  });
}

/** Makes nothing. @throws PosternError `bad_home` for what no plugin could have done: it could not be made, or not be kept there */
export function examineHome(path: string): void {
  withHome(path, (folder, home) => {
    if (folder === undefined) requireMakeable(home);
    else requireOwn(folder, home);
  });
}

/** For the start of its plugin, which may have changed the mode. A missing home is none. @throws PosternError `bad_home` */
export function requireUsable(path: string): void {
  withHome(path, (folder, home) => {
    if (folder === undefined) return;
    requireOwn(folder, home);
    requireOpen(folder, home);
  });
}

/** @param work gets the folder, undefined if it is missing, and its path without a link */
function withHome(path: string, work: (folder: OwnedFd | undefined, home: string) => void): void {
  const home = withoutTopLink(path, hostFiles);
  explained(home, () => {
    using folder = openIfThere(home);
    work(folder, home);
  });
}

function explained(home: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw badHome(`Cannot keep a home in "${home}": ${error.message}`, whatToDo(error.code, home));
  }
}

function openIfThere(home: string): OwnedFd | undefined {
  try {
    return openFolder(home);
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function make(home: string): OwnedFd {
  using parent = openFolder(dirname(home));
  try {
    mkdirSync(`/proc/self/fd/${parent.number}/${basename(home)}`, OWNER_ALL);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw cannotMake(home, code);
  }
  return openFolder(home);
}

function requireMakeable(home: string): void {
  using parent = openFolder(dirname(home));
  try {
    accessSync(`/proc/self/fd/${parent.number}`, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotMake(home, (error as NodeJS.ErrnoException).code ?? 'an error');
  }
}

function cannotMake(home: string, code: string): PosternError {
  return badHome(
    `Cannot make the home "${home}": ${code}`,
    `make it: sudo install -d -m 700 -o ${uid()} -g ${gid()} ${shellWord(home)}`,
  );
}

/** Root may use a home that belongs to another user: the plugin's ids are mapped to the owner's. */
function requireOwn(folder: OwnedFd, home: string): void {
  const { uid: owner } = fstatSync(folder.number);
  if (uid() !== 0 && owner !== uid()) {
    throw badHome(
      `Cannot keep a home in "${home}": it belongs to uid ${owner}, and postern runs as uid ${uid()}`,
      `give it away with: sudo chown -R ${uid()}:${gid()} ${shellWord(home)}; or name one of your own folders`,
    );
  }
  if (accessError(folder) === 'EROFS')
    throw badHome(`Cannot keep a home in "${home}": its file system is read-only`, ELSEWHERE);
}

function requireOpen(folder: OwnedFd, home: string): void {
  const { mode } = fstatSync(folder.number);
  if ((mode & OWNER_ALL) !== OWNER_ALL) {
    throw badHome(
      `Cannot keep a home in "${home}": its owner may not read, write and enter it (mode ${(mode & 0o7777).toString(8)})`,
      `run: chmod u+rwx ${shellWord(home)}`,
    );
  }
  const code = accessError(folder);
  if (code !== undefined)
    throw badHome(`Cannot keep a home in "${home}": it cannot be written: ${code}`, ELSEWHERE);
}

const ELSEWHERE = 'name a folder that can be written';

/** access(2). A read-only file system comes before the mode. */
function accessError(folder: OwnedFd): string | undefined {
  try {
    accessSync(`/proc/self/fd/${folder.number}`, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function whatToDo(code: string, home: string): string {
  if (code === 'ELOOP') return 'its path leads through a link: if the link is yours, name the folder itself';
  if (code === 'ENOENT') return `make the folder above it: mkdir -p ${shellWord(dirname(home))}`;
  return 'name a folder that you may enter';
}

const uid = (): number => process.geteuid?.() ?? 0;
const gid = (): number => process.getegid?.() ?? 0;

function badHome(message: string, fix: string): PosternError {
  return new PosternError('bad_home', message, { fix, fields: { key: 'home' } });
}
