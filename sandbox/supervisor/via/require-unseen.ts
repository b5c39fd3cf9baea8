// Refuses credentials for a proxy that a plugin would see. Runs in the supervisor. The folder must not show either: programs often replace a file
// when they change it, and the mount that hides a file hides no other one of its name.
import { dirname } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import type { HostFiles } from '../files/host-files.js';
import { isWithin } from '../files/path-within.js';
import type { RootPlan } from '../root/plan-root.js';

/**
 * @param secrets paths of files with credentials, of all plugins
 * @throws PosternError `bad_via`
 */
export function requireUnseen(
  { entries, hiddenBy }: Pick<RootPlan, 'entries' | 'hiddenBy'>,
  plugin: string,
  secrets: readonly string[],
  host: HostFiles,
): void {
  const shows = (path: string): boolean =>
    hiddenBy(path) === undefined &&
    entries.some((entry) => entry.kind === 'bind' && isWithin(path, entry.source));
  for (const secret of secrets) {
    const real = host.real(secret);
    if (real === undefined) continue;
    const places = [real, ...host.aliases(real)].flatMap((path) => [path, dirname(path)]);
    if (
      /* protects: G6 a program that would see the credentials does not start => true */ !places.some(shows)
    )
      continue;
    throw new PosternError(
      'bad_via',
      `"${plugin}" would see the credentials in "${secret}", or their folder`,
      {
        fix: 'keep the file in a folder that no plugin sees, or hide that folder',
        fields: { key: 'via.credentials_file' },
      },
    );
  }
}
