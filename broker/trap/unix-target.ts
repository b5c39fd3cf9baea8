// Reads the struct sockaddr_un of a trapped connect, unix(7). Runs in the broker. The bytes are hostile, and a copy.
import { constants } from 'node:os';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import { callerFolder } from '../caller/caller-folder.js';
import { processInside } from '../caller/process-inside.js';

const { EACCES, EINVAL } = constants.errno;
const UN = LAYOUT['struct sockaddr_un'];
const SLASH = 0x2f;

/**
 * @param tid of the caller, whose call still waits
 * @param address as many bytes as the call says, 2 at least
 * @returns the target, or minus errno
 */
export function unixTarget(tid: number, address: Uint8Array): UnixTarget | number {
  if (address[0] !== AF_UNIX || address[1] !== 0) return -EINVAL;
  if (address.length <= UN.sun_path || address.length > UN.size) return -EINVAL;
  const name = address.subarray(UN.sun_path);
  if (name[0] === 0) return { kind: 'abstract', address };
  const end = name.indexOf(0);
  const path = end < 0 ? name : name.subarray(0, end);
  const self = processInside(tid);
  if (path[0] === SLASH) return { kind: 'path', path, self };
  const folder = callerFolder(tid);
  if (folder === undefined) return -EACCES;
  return { kind: 'path', path: Buffer.concat([folder, Buffer.from('/'), path]), self };
}
