// Makes a user namespace only for its id maps: mount_setattr(2) takes the maps of an idmapped mount from it. Runs in the
// supervisor, as root.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { PosternError } from '../../../shared/errors.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { namespacesFailure } from '../../host/namespaces-failure.js';
import { SYSTEM_PATH } from '../../host/system-path.js';

/** Reports that it runs, and stays until its standard input ends. */
const HOLD = 'echo there; read -r end';

/**
 * @param uidMap the text of its uid_map, user_namespaces(7)
 * @param gidMap the text of its gid_map
 * @returns a descriptor that keeps the namespace, after the process that made it has ended
 * @throws PosternError `launch_failed`, step namespaces
 */
export async function makeIdNamespace(uidMap: string, gidMap: string): Promise<OwnedFd> {
  const child = spawn('unshare', ['--user', '--', '/bin/sh', '-c', HOLD], {
    cwd: '/',
    env: { PATH: SYSTEM_PATH },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let words = '';
  const ended = once(child, 'close').catch((error: Error) => {
    words ||= error.message;
  });
  if (child.pid === undefined) {
    // Without a free descriptor the child has no streams either.
    await ended;
    throw namespacesFailure(words);
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  child.stdin.on('error', () => {});
  try {
    const there = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
    if (there === undefined) throw namespacesFailure(words);
    writeFileSync(`/proc/${child.pid}/uid_map`, uidMap);
    writeFileSync(`/proc/${child.pid}/gid_map`, gidMap);
    return new OwnedFd(openSync(`/proc/${child.pid}/ns/user`, 'r'));
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw namespacesFailure((error as Error).message);
  } finally {
    child.stdin.end();
    await ended;
  }
}
