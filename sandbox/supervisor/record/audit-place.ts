// Whether the audit file may be a link. A link could lead to a file that is executed, for example ~/.bashrc. Also in a folder of root's a
// plugin may have put it, since a plugin of root writes there as the owner. Nobody makes links in /proc, and only root does in /dev.
import { accessSync, constants, lstatSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

export const AUDIT_FIX = 'name a file, not a link, in a folder that exists and that you may write';

export function mayBeLink(path: string): boolean {
  const folder = realpathSync(dirname(path));
  // /dev/fd leads to a folder of /proc. Every user writes in /dev/shm.
  return (
    /* protects: G14 the audit file is no link in root's folder either (as root) => process.geteuid() === 0 */ folder ===
      '/dev' || folder.startsWith('/proc/')
  );
}

/**
 * Opens and makes nothing.
 *
 * @param audit `stderr`, `stdout` or a path in a folder that exists
 * @returns why a start could not append to it; undefined if it could
 */
export function auditProblem(audit: string): { readonly message: string; readonly fix: string } | undefined {
  if (audit === 'stderr' || audit === 'stdout') return undefined;
  const found = lstatSync(audit, { throwIfNoEntry: false });
  // protects: G14 an audit file that is a link is refused
  if (found?.isSymbolicLink() === true && !mayBeLink(audit))
    return {
      message: `"${audit}" is a link, and would not be opened`,
      fix: 'name the file that it leads to',
    };
  const { W_OK, X_OK } = constants;
  try {
    if (found === undefined) accessSync(dirname(audit), W_OK | X_OK);
    else accessSync(audit, W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { message: `Cannot append to the audit file "${audit}": ${code}`, fix: AUDIT_FIX };
  }
}
