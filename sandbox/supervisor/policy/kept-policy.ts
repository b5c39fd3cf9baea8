// The last good policy on disk, so that a start without network has it, and so that a restart makes no older one good again. It is kept as it was signed: what
// is read is checked anew. Runs in the supervisor.
import { createHash, type KeyObject } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { readSignedPolicy, type SignedPolicy } from '../../../shared/config/policy-config.js';
import { PosternError } from '../../../shared/errors.js';
import { quote } from '../../../shared/policy/quote.js';
import { readTextFile } from '../../../shared/read-file.js';

const OF_ROOT = '/var/lib/postern';
const MOST_MIB = 1;

/** @param config the path of the configuration, of which each has its own file @returns undefined where the environment names no folder */
export function keptPolicyPath(config: string): string | undefined {
  const { STATE_DIRECTORY: given = '', XDG_STATE_HOME: state = '', HOME: home = '' } = process.env;
  const [service = ''] = given.split(':');
  const kept = isAbsolute(state) ? state : isAbsolute(home) ? join(home, '.local/state') : undefined;
  const own = process.geteuid?.() === 0 ? OF_ROOT : kept && join(kept, 'postern');
  const folder = isAbsolute(service) ? service : own;
  const place = resolve(config);
  const name = `${basename(place).replace(/\.ya?ml$/, '')}-${createHash('sha256').update(place).digest('hex').slice(0, 12)}`;
  return folder === undefined ? undefined : join(folder, 'policy', `${name}.yaml`);
}

export class KeptPolicy {
  readonly path: string;

  /** @param config the path of the configuration @throws PosternError `policy_not_kept` */
  constructor(config: string) {
    const path = keptPolicyPath(config);
    if (path === undefined) throw notKept('neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set');
    this.path = path;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      accessSync(dirname(path), constants.W_OK);
    } catch (error) {
      throw notKept(`${quote(dirname(path))}: ${codeOf(error)}`);
    }
  }

  /** @returns undefined if there is none; a text if it is none of this key */
  read(key: KeyObject): SignedPolicy | string | undefined {
    if (!existsSync(this.path)) return undefined;
    const file = readTextFile(this.path, MOST_MIB);
    return 'text' in file ? readSignedPolicy(Buffer.from(file.text), key) : `it ${file.problem}`;
  }

  /** The former one is there until this one is whole. @throws PosternError `policy_not_kept` */
  write(bytes: Uint8Array): void {
    const next = `${this.path}.next`;
    try {
      rmSync(next, { force: true });
      const fd = openSync(next, 'wx', 0o600);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(next, this.path);
    } catch (error) {
      throw notKept(`${quote(this.path)}: ${codeOf(error)}`);
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function notKept(why: string): PosternError {
  return new PosternError('policy_not_kept', `Cannot keep the policy on disk: ${why}`, {
    fix: 'name a folder that postern may write by XDG_STATE_HOME or STATE_DIRECTORY, or make this one writable',
  });
}
