// Packages of Debian's archive, of any suite and architecture, without a change to what this host's apt knows.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './cache.js';
import { command } from './command.js';
import type { Architecture } from './machines.js';

export const MIRROR = 'http://deb.debian.org/debian';
export const SUITE = 'trixie';
/** Each has kernels that the others do not have. */
const SUITES = ['bullseye', 'bookworm', SUITE, `${SUITE}-backports`];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Archive {
  /** The names of all packages that begin so. */
  readonly names: (prefix: string) => Promise<readonly string[]>;
  /** Unpacks the packages into the folder. */
  readonly unpack: (names: readonly string[], folder: string) => Promise<void>;
}

/** Reads the archive's lists, anew where this has not happened before in this run. */
export async function openArchive(architecture: Architecture): Promise<Archive> {
  const folder = join(CACHE, `apt-${architecture}`);
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  const lines = SUITES.map((suite) => `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
  writeFileSync(join(folder, 'sources.list'), lines.join(''));
  const options = [
    `-oDir::Etc::SourceList=${folder}/sources.list`,
    '-oDir::Etc::SourceParts=/dev/null',
    `-oDir::State::Lists=${folder}/lists`,
    '-oDir::State::status=/dev/null',
    `-oDir::Cache=${folder}/cache`,
    `-oAPT::Architecture=${architecture}`,
    `-oAPT::Architectures=${architecture}`,
    '-oAPT::Sandbox::User=root',
    '-oAcquire::Retries=3',
  ];
  // Machines that start at the same time share the lists, and apt waits for no other one's lock on them.
  const alone = ['flock', '--timeout', '300', join(folder, 'lock')];
  await command([...alone, 'apt-get', ...options, 'update'], { seconds: 600 });
  return {
    names: async (prefix) =>
      (await command([...alone, 'apt-cache', ...options, 'pkgnames', prefix], { seconds: 360 }))
        .split('\n')
        .filter(Boolean)
        .sort(),
    unpack: async (names, into) => {
      const downloads = join(into, 'downloads');
      mkdirSync(downloads, { recursive: true });
      const words = ['apt-get', ...options, 'download', ...names];
      await command([...alone, ...words], { seconds: 600, cwd: downloads });
      for (const file of readdirSync(downloads))
        await command(['dpkg-deb', '-x', join(downloads, file), into], { seconds: 120 });
    },
  };
}
