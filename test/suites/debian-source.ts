// The source of an installed Debian package, with Debian's patches. apt checks the signed lists, and the checksums in them. What this host's apt
// knows is not changed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedAt, cacheFolder } from '../harness/cached.js';
import { command } from '../machines/command.js';
import { fileUris, type SourceFile, sourceVersions } from './source-lists.js';

const CACHE = cacheFolder('postern-suites');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const HELPER = '/usr/lib/apt/apt-helper';
const SECONDS = 300;

/** What fetching and unpacking needs. */
export const SOURCE_PACKAGES: readonly string[] = ['debian-archive-keyring', 'patch', 'xz-utils'];

/**
 * @param installed a package whose source is wanted, in its own version. A security archive may have replaced that version since. Then it is the
 *   newest one that the archive still has.
 * @returns the folder
 */
export async function debianSource(installed: string): Promise<string> {
  const fields = `--showformat=\${source:Package} \${source:Version}`;
  const [name = '', own = ''] = (
    await command(['dpkg-query', '--show', fields, installed], { seconds: 10 })
  ).split(' ');
  const folderOf = (version: string): string => join(CACHE, 'sources', `${name}_${version}`);
  const failures: unknown[] = [];
  let versions = [own];
  for (let at = 0; at < versions.length; at += 1) {
    const version = versions[at] ?? '';
    try {
      const folder = await cachedAt(folderOf(version), (path) => unpack(name, version, path));
      if (at > 0)
        process.stderr.write(`The archive has no source of ${name} ${own}. The tests are of ${version}\n`);
      return folder;
    } catch (error) {
      failures.push(error);
    }
    if (at === 0) versions = [own, ...(await otherVersions(name, own))];
  }
  throw new AggregateError(failures, `The archive has no source of "${name}": ${failures.join('\n')}`);
}

async function otherVersions(name: string, own: string): Promise<readonly string[]> {
  const options = await archive();
  const text = await command(['apt-cache', ...options, 'showsrc', '--only-source', name], { seconds: 60 });
  return sourceVersions(text).filter((version) => version !== own);
}

async function unpack(name: string, version: string, folder: string): Promise<void> {
  const options = await archive();
  const wanted = ['--print-uris', '--only-source', 'source', `${name}=${version}`];
  const files = fileUris(await command(['apt-get', ...options, ...wanted], { seconds: 60 }));
  const downloads = `${folder}.downloads`;
  mkdirSync(downloads);
  mkdirSync(folder);
  const has = (word: string): SourceFile | undefined => files.find((file) => file.name.includes(word));
  for (const [file, strip] of [
    [has('.orig.tar.'), 1],
    [has('.debian.tar.'), 0],
  ] as const) {
    if (file === undefined) throw new Error(`"${name}" ${version} has other files: ${JSON.stringify(files)}`);
    const path = join(downloads, file.name);
    await command([HELPER, ...options, 'download-file', file.uri, path, file.checksum], { seconds: SECONDS });
    const extraction = ['-xf', path, '-C', folder, `--strip-components=${strip}`];
    await command(['tar', ...extraction, '--no-same-owner'], { seconds: SECONDS });
  }
  await applyPatches(folder);
}

async function applyPatches(folder: string): Promise<void> {
  const patches = join(folder, 'debian/patches');
  for (const line of readFileSync(join(patches, 'series'), 'utf8').split('\n')) {
    const patch = line.replace(/#.*/, '').trim();
    if (patch === '') continue;
    const words = ['patch', '-s', '-f', '-p1', '-d', folder, '-i', join(patches, patch), '-r', '-'];
    // A patch of a component that is left out here finds no file.
    await command(words, { seconds: 60 }).catch((error: unknown) => {
      if (!String(error).includes('No file to patch')) throw error;
    });
  }
}

let opened: Promise<readonly string[]> | undefined;

/** @returns apt's options. The lists are read once in a process */
function archive(): Promise<readonly string[]> {
  opened ??= openArchive();
  return opened;
}

async function openArchive(): Promise<readonly string[]> {
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
  const folder = join(CACHE, `apt-${codename}`);
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  const places = [
    `http://deb.debian.org/debian-security ${codename}-security`,
    `http://deb.debian.org/debian ${codename}-updates`,
    `http://deb.debian.org/debian ${codename}`,
  ];
  writeFileSync(
    join(folder, 'sources.list'),
    places.map((place) => `deb-src [signed-by=${KEYRING}] ${place} main\n`).join(''),
  );
  const options = [
    `-oDir::Etc::SourceList=${folder}/sources.list`,
    '-oDir::Etc::SourceParts=/dev/null',
    `-oDir::State::Lists=${folder}/lists`,
    `-oDir::Cache=${folder}/cache`,
    '-oAPT::Sandbox::User=root',
    '-oAcquire::Retries=3',
  ];
  await command(['apt-get', ...options, 'update'], { seconds: SECONDS });
  return options;
}
