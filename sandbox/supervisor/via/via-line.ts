// What the broker learns of a plugin's `via`. Runs in the supervisor, which alone reads the credentials.

import { fstatSync } from 'node:fs';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { Credentials, ViaLine } from '../../../shared/config/via-config.js';
import { PosternError } from '../../../shared/errors.js';

import { readTextFile } from '../../../shared/read-file.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { openWithoutLinks } from '../../../shared/sys/open-folder.js';
import { hostFiles } from '../files/host-files.js';
import { type Written, withoutPluginLinks } from '../files/plugin-links.js';
import { refusedLink } from '../files/require-paths.js';

/** The file with the credentials for a proxy. */
const MAX_CREDENTIALS_BYTES = 1024;

/** @param written what any plugin may write, or could write before @throws PosternError as {@link readCredentials} does */
export function viaLine(
  { name, via }: Pick<PluginConfig, 'name' | 'via'>,
  written: readonly Written[],
): ViaLine | undefined {
  if (via === undefined) return undefined;
  const { proxy, credentialsFile, resolve, direct, source, mark, resolvers } = via;
  const credentials =
    credentialsFile === undefined ? undefined : readCredentials(name, credentialsFile, written);
  return {
    proxy: proxy && { ...proxy, resolve, credentials },
    direct: proxy === undefined || direct.length === 0 ? undefined : direct,
    source: source.length > 0 ? source : undefined,
    mark,
    resolvers: resolvers.length > 0 ? resolvers : undefined,
  };
}

// Reads the credentials for a proxy. No message holds anything of the file. A plugin chooses no file: the proxy would get what is in it.

/** RFC 1929: a length of one byte. */
const MOST_BYTES = 255;
const CONTROL = /\p{Cc}/u;
const FIX = 'write USER:PASSWORD in one line of a file of its own';
/** Nothing holds as much: see MAX_CREDENTIALS_BYTES. */
const MOST_MIB = 1;
const KEY = 'via.credentials_file';

/** @throws PosternError `bad_via`, `path_not_apart` */
export function readCredentials(plugin: string, path: string, written: readonly Written[]): Credentials {
  const host = withoutPluginLinks(hostFiles, written);
  const link = refusedLink(
    `Cannot use the credentials in "${path}"`,
    path,
    { key: KEY },
    { plugin, written, host },
  );
  // protects: G14 credentials behind a link of a plugin are refused
  if (link !== undefined) throw link;
  const text = readText(path, host.real(path) ?? path);
  const line = text.replace(/\r?\n$/, '');
  const colon = line.indexOf(':');
  if (colon < 1) throw refused(path, 'it has no USER:PASSWORD');
  if (CONTROL.test(line)) throw refused(path, 'it has control characters, or more than one line');
  const user = line.slice(0, colon);
  const password = line.slice(colon + 1);
  if ([user, password].some((part) => Buffer.byteLength(part) > MOST_BYTES))
    throw refused(path, `user or password has more than ${MOST_BYTES} bytes`);
  return { user, password };
}

/** @param real opened without following a link: a plugin could have put one there since */
function readText(path: string, real: string): string {
  try {
    using place = openWithoutLinks(real);
    const stats = fstatSync(place.number);
    // Opening a pipe or a device would act on it.
    // protects: G14 credentials are read from a regular file alone
    if (!stats.isFile()) throw refused(path, 'it is not a regular file');
    // protects: G6 credentials whose file has another name are refused
    if (stats.nlink > 1)
      throw refused(path, 'it has another name (a hard link), by which a plugin could see it');
    const read = readTextFile(`/proc/self/fd/${place.number}`, MOST_MIB);
    if (!('text' in read)) throw refused(path, `it ${read.problem}`);
    if (Buffer.byteLength(read.text) > MAX_CREDENTIALS_BYTES)
      throw refused(path, `it has more than ${MAX_CREDENTIALS_BYTES} bytes`);
    return read.text;
  } catch (error) {
    if (error instanceof SystemError) throw refused(path, error.code);
    throw error;
  }
}

function refused(path: string, why: string): PosternError {
  return new PosternError('bad_via', `Cannot use the credentials in "${path}": ${why}`, {
    fix: FIX,
    fields: { key: KEY },
  });
}
