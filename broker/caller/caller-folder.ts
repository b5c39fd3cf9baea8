// The working directory of a caller. Runs in the broker.
import { readlinkSync } from 'node:fs';

/** The link of proc(5) that leads to it. @param tid of a call that waits */
export const callerFolderLink = (tid: number): string => `/proc/${tid}/cwd`;

/** As the caller's own root shows it: the kernel names a folder of another mount namespace from that namespace's root, d_path(9). */
export function callerFolder(tid: number): Buffer | undefined {
  try {
    return readlinkSync(callerFolderLink(tid), { encoding: 'buffer' });
  } catch {
    return undefined;
  }
}
