// A range of host ids of its own for each sandbox, and an id for the broker, where postern is started as root.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { PosternError } from '../../shared/errors.js';

export const RANGE_SIZE: number = 65_536;
/**
 * Where /etc/subuid has no entry for `postern`: 0x70000000, above what systemd gives to containers and below 2^31, from
 * where on programs read ids as negative.
 */
export const DEFAULT_BASE: number = 0x7000_0000;
const DEFAULT_COUNT = 0x1000_0000;

/** A range that this process holds until it is released or the process ends, however it ends. */
export interface IdRange {
  readonly base: number;
  readonly release: () => void;
}

/** START and COUNT of the entry for `postern` in a file of subuid(5)'s form. */
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
    // No /etc/subuid is no entry.
  }
  return { base: DEFAULT_BASE, count: DEFAULT_COUNT };
}

/**
 * Takes the first free range. An abstract socket of its name is the lock: the kernel lets go of it with the process.
 *
 * @throws PosternError `no_id_range` where every range is taken
 */
export async function claimIdRange(): Promise<IdRange> {
  const { base, count } = configuredIds();
  const ranges = Math.floor(count / RANGE_SIZE);
  for (let index = 0; index < ranges; index += 1) {
    const start = base + index * RANGE_SIZE;
    const lock = await tryLock(`\0postern/ids/${start}`);
    if (lock !== undefined) return { base: start, release: () => lock.close() };
  }
  throw new PosternError('no_id_range', `All ${ranges} id ranges of 65,536 from ${base} on are taken`, {
    fix: 'give "postern" a larger range in /etc/subuid: each supervisor needs one, and each of its plugins one more',
  });
}

function tryLock(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ path }, () => resolve(server.unref()));
  });
}
