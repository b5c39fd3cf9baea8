// The default seccomp profile of Docker. It is built into Docker, and Debian's package of the source has it as a file.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readableFolder } from '../harness/users.js';
import { run, succeed } from './podman.js';

const PACKAGE = 'golang-github-docker-docker-dev';
const FILE = 'usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json';

/** Whether apt-get(8) is there to bring it. */
export const hasApt: boolean = spawnSync('apt-get', ['--version']).status === 0;

/** @returns the path of the file */
export async function dockerDefault(): Promise<string> {
  const folder = readableFolder();
  const download = ['apt-get', 'download', '-q', PACKAGE];
  if ((await run(download, folder)).status !== 0) {
    await succeed(['apt-get', 'update', '-q']);
    await succeed(download, folder);
  }
  const file = readdirSync(folder).find((name) => name.endsWith('.deb')) ?? '';
  await succeed(['dpkg', '-x', file, 'unpacked'], folder);
  return join(folder, 'unpacked', FILE);
}
