// A postern with a plugin that listens at a UNIX socket, to which plugins may pass connections. For the tests of connections that change hands.
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

/** A folder of the user for the configuration, and the path of the listener in it. */
export function makePlace(user: User, name: string): { readonly folder: string; readonly place: string } {
  const folder = readableFolder();
  chownTo(user, folder);
  return { folder, place: join(folder, `${name}.sock`) };
}

/** Runs the `postern.yaml` of a folder, until it has a listener. @param dist its programs @returns what its processes print */
export async function startUpWithSocket(
  t: TestContext,
  user: User,
  { folder, place }: ReturnType<typeof makePlace>,
  dist?: string,
): Promise<{ readonly child: ReturnType<typeof startPostern>['child']; readonly said: () => string }> {
  const { child, said } = startPostern(['up'], { as: user, cwd: folder, ...(dist && { dist }) });
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(place) || undefined, 20_000);
  // As root the broker has other ids than the listener's file.
  chmodSync(place, 0o777);
  return { child, said };
}
