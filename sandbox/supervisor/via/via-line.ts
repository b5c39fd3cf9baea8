// What the broker learns of a plugin's `via`. Runs in the supervisor, which alone reads the credentials.

import { closeSync, openSync } from 'node:fs';
import type { Credentials, ViaConfig, ViaLine } from '../../../shared/config/via-config.js';
import { PosternError } from '../../../shared/errors.js';
import { MAX_CREDENTIALS_BYTES } from '../../../shared/limits.js';
import { readAtMost } from '../../../shared/read-file.js';

/** @throws PosternError `bad_via` */
export function viaLine(via: ViaConfig | undefined): ViaLine | undefined {
  if (via === undefined) return undefined;
  const { proxy, credentialsFile, resolve, direct, source, mark, resolvers } = via;
  const credentials = credentialsFile === undefined ? undefined : readCredentials(credentialsFile);
  return {
    proxy: proxy && { ...proxy, resolve, credentials },
    direct: proxy === undefined || direct.length === 0 ? undefined : direct,
    source: source.length > 0 ? source : undefined,
    mark,
    resolvers: resolvers.length > 0 ? resolvers : undefined,
  };
}

// Reads the credentials for a proxy. No message holds anything of the file.

/** RFC 1929: a length of one byte. */
const MOST_BYTES = 255;
const CONTROL = /\p{Cc}/u;
const FIX = 'write USER:PASSWORD in one line';

/**
 * @param path of a file, or of a pipe, which is read once
 * @throws PosternError `bad_via`
 */
export function readCredentials(path: string): Credentials {
  const text = readText(path);
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

function readText(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const bytes = readAtMost(fd, MAX_CREDENTIALS_BYTES);
    if (bytes === undefined) throw refused(path, `it has more than ${MAX_CREDENTIALS_BYTES} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof PosternError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw refused(
      path,
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is no UTF-8' : (code ?? 'it cannot be read'),
    );
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function refused(path: string, why: string): PosternError {
  return new PosternError('bad_via', `Cannot use the credentials in "${path}": ${why}`, {
    fix: FIX,
    fields: { key: 'via.credentials_file' },
  });
}
