// Reads what the export sends with each request: headers, as a bearer token, which are a secret, and the certificates that may sign the collector's. Runs
// in the supervisor. No message holds anything of a header.
import { createSecureContext } from 'node:tls';
import type { ExportConfig } from '../../../shared/config/export-config.js';
import { headerProblem } from '../../../shared/config/secret-template.js';
import { PosternError } from '../../../shared/errors.js';
import { type FileReader, readPrivateFile } from '../gateway/read-secrets.js';

const MOST_HEADERS = 20;
const MOST_CHARACTERS = 8192;
const HEADERS = 'the headers of the export';
const CERTIFICATES = 'the certificates of the export';
const FIX = 'write a line for each header, as in Authorization: Bearer TOKEN';
/** They say what is sent. */
const OWN_HEADERS: readonly string[] = ['content-type', 'content-encoding', 'accept', 'user-agent'];

export interface ExportFiles {
  readonly headers: Readonly<Record<string, string>>;
  /** In PEM; undefined: those of the system. */
  readonly ca: string | undefined;
}

/** @throws PosternError `bad_secret`, `path_not_apart` */
export function readExportFiles(
  { headersFile, ca: caFile }: ExportConfig,
  written: FileReader['written'],
): ExportFiles {
  const reader = { plugin: '', written, environment: {} };
  const headers =
    headersFile &&
    withKey('export.headers_file', () => {
      // protects: G25 export: the file of headers is read as a secret is => const text = readPrivateFile(HEADERS, headersFile, reader, 'public');
      const text = readPrivateFile(HEADERS, headersFile, reader);
      return parseHeaders(text, headersFile);
    });
  const ca =
    caFile &&
    withKey('export.ca', () =>
      requireCertificates(readPrivateFile(CERTIFICATES, caFile, reader, 'public'), caFile),
    );
  return { headers: headers || {}, ca: ca || undefined };
}

function withKey<T>(key: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    const { code, message, fix } = error;
    throw new PosternError(code, message, { fix, fields: { key } });
  }
}

/** Lines as curl's `-H @FILE` has them: `Authorization: Bearer x`. Empty lines and lines with # are none. */
function parseHeaders(text: string, path: string): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const refuse = (why: string): PosternError =>
      new PosternError('bad_secret', `Cannot use ${HEADERS}: line ${index + 1} of "${path}" ${why}`, {
        fix: FIX,
      });
    const [, name = '', value = ''] = /^([^:\s]+):[ \t]*(.*)$/.exec(line) ?? [];
    const lower = name.toLowerCase();
    // protects: G25 export: a header has one line of printable characters => if (name === '') throw refuse('');
    if (name === '' || !/^[\x20-\x7e]+$/.test(value) || value.length > MOST_CHARACTERS)
      throw refuse('is no header of printable ASCII characters');
    if (headerProblem(lower) !== undefined || OWN_HEADERS.includes(lower))
      throw refuse('has a header about which postern itself decides, or whose name is none');
    if (headers.has(lower)) throw refuse('has a header that stands there already');
    headers.set(lower, value.trimEnd());
  }
  if (headers.size === 0 || headers.size > MOST_HEADERS)
    throw new PosternError(
      'bad_secret',
      `Cannot use ${HEADERS}: "${path}" has ${headers.size === 0 ? 'none' : `more than ${MOST_HEADERS}`}`,
      { fix: FIX },
    );
  return Object.fromEntries(headers);
}

function requireCertificates(ca: string, path: string): string {
  try {
    if (!ca.includes('-----BEGIN ')) throw new Error('no PEM');
    createSecureContext({ ca });
    return ca;
  } catch {
    throw new PosternError('bad_secret', `Cannot use ${CERTIFICATES}: "${path}" has no certificates in PEM`, {
      fix: 'name a file with certificates in PEM',
    });
  }
}
