// Where root starts postern: a separate range of host ids for each sandbox, and an id for the broker.
import { constants, lstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { tryLock } from '../../shared/sys/fcntl.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { hasProcesses } from '../../shared/sys/process-control.js';
import { shellWord } from './shell-word.js';

const { O_CREAT, O_NOFOLLOW, O_RDONLY } = constants;

export const RANGE_SIZE: number = 65_536;
/**
 * The default, where /etc/subuid has no entry for `postern`: 0x70000000. It lies above the ids that systemd gives to
 * containers, and below 2^31, where some programs begin to read ids as negative.
 */
export const DEFAULT_BASE: number = 0x7000_0000;
const DEFAULT_COUNT = 0x1000_0000;

/** A range that this process holds until it releases it, or ends in any way. */
export interface IdRange {
  readonly base: number;
  readonly release: () => void;
}

/** START and COUNT of the entry for `postern` in a file like subuid(5). */
export function parseSubordinateIds(
  text: string,
): { readonly base: number; readonly count: number } | undefined {
  for (const line of text.split('\n')) {
    const [name, base, count] = line.split(':');
    if (name === 'postern' && /^\d+$/.test(base ?? '') && /^\d+$/.test(count ?? '')) {
      return { base: Number(base), count: Number(count) };
    }
  }
  return undefined;
}

/** /etc/subuid's entry for `postern`, or the default. */
export function configuredIds(): { readonly base: number; readonly count: number } {
  try {
    const entry = parseSubordinateIds(readFileSync('/etc/subuid', 'utf8'));
    if (entry !== undefined) return entry;
  } catch {
    // Without /etc/subuid there is no entry.
  }
  return { base: DEFAULT_BASE, count: DEFAULT_COUNT };
}

/**
 * Only root writes there, and each network namespace of the host sees it. Some containers have a read-only root without a /run: there the
 * second one is.
 */
const LOCKS =
  /* protects: G15 ids: a range that another supervisor of the host has is not taken => '/run/postern/ids-of-' + process.pid */ '/run/postern/ids';
const SECOND_LOCKS = '/dev/shm/postern/ids';

/**
 * Takes the first free range. A file with its name is the lock: the kernel releases it when the process ends. A broker has the first id of its
 * supervisor's range. Should it outlive the lock, the range is not free: it could reach into the sandboxes of the next owner.
 *
 * @throws PosternError `no_id_range` where every range is taken, or the locks' folder is not root's alone
 */
export function claimIdRange(): IdRange {
  const { base, count } = configuredIds();
  const ranges = Math.floor(count / RANGE_SIZE);
  const folder = folderOfLocks();
  for (let index = 0; index < ranges; index += 1) {
    const start = base + index * RANGE_SIZE;
    const file = new OwnedFd(openSync(join(folder, String(start)), O_RDONLY | O_CREAT | O_NOFOLLOW, 0o600));
    // protects: G15 ids: a range that a process still has an id of is not taken => if (tryLock(file.number)) return { base: start, release: () => file.close() };
    if (tryLock(file.number) && !hasProcesses(start)) return { base: start, release: () => file.close() };
    file.close();
  }
  throw new PosternError('no_id_range', `All ${ranges} ranges of 65,536 ids from ${base} on are taken`, {
    fix: 'give "postern" a larger range in /etc/subuid: each supervisor needs one, and each of its plugins one more',
  });
}

function folderOfLocks(): string {
  const [first, second] = [LOCKS, SECOND_LOCKS].map(
    (folder) => makeFolder(dirname(folder)) ?? makeFolder(folder),
  );
  if (first === undefined) return requireOwn(LOCKS);
  if (second === undefined) return requireOwn(SECOND_LOCKS);
  throw new PosternError('no_id_range', `Cannot make the folder of the id ranges' locks: ${first.message}`, {
    cause: first,
    fix: 'mount a tmpfs on /run, in a container by the option --tmpfs /run',
  });
}

/** @returns why it cannot be made; undefined where it is there now */
function makeFolder(folder: string): Error | undefined {
  try {
    mkdirSync(folder, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return error as Error;
  }
  return undefined;
}

/** Another user who writes there could hold every lock, or lead it elsewhere by a link. */
function requireOwn(locks: string): string {
  for (const folder of [dirname(locks), locks]) {
    const found = lstatSync(folder);
    if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0) continue;
    throw new PosternError('no_id_range', `"${folder}" is not a folder that only this root may write`, {
      fix: `remove it, or: chown 0:0 ${shellWord(folder)} && chmod 755 ${shellWord(folder)}`,
    });
  }
  return locks;
}
