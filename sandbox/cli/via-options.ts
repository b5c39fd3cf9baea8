// --via and its companions of `run` and `learn`: how the program's connections leave this host.
import { resolve as resolvePath } from 'node:path';
import { readProxyUrl } from '../../shared/config/proxy-url.js';
import { readDirect } from '../../shared/config/read-direct.js';
import {
  DEFAULT_RESOLVES,
  MOST_MARK,
  type Resolves,
  type ViaConfig,
} from '../../shared/config/via-config.js';
import { PosternError } from '../../shared/errors.js';
import { parseAddress } from '../../shared/policy/address.js';

/** Decimal or hexadecimal, as ip-rule(8) reads a mark. */
const NUMBER = /^(?:0x[\da-f]{1,8}|[1-9]\d{0,9})$/i;

export interface ViaOptions {
  readonly via?: string;
  readonly viaCredentials?: string;
  readonly viaResolve?: Resolves;
  readonly viaDirect: readonly string[];
  readonly viaSource: readonly string[];
  readonly viaMark?: string;
}

/** @throws PosternError `bad_via` */
export function viaOf({
  via,
  viaCredentials,
  viaResolve,
  viaDirect,
  viaSource,
  viaMark,
}: ViaOptions): ViaConfig | undefined {
  if (via === undefined) {
    if (viaCredentials !== undefined || viaResolve !== undefined || viaDirect.length > 0)
      throw badVia('--via-credentials, --via-resolve and --via-direct are about a proxy', 'add --via URL');
    if (viaSource.length === 0 && viaMark === undefined) return undefined;
  }
  const read = via === undefined ? undefined : readProxyUrl(via);
  if (read?.ok === false)
    throw badVia(
      `Cannot connect by the proxy of --via: ${read.message}`,
      read.fix.replace('name the file as its credentials', 'add --via-credentials FILE'),
    );
  return {
    proxy: read?.proxy,
    credentialsFile: viaCredentials === undefined ? undefined : resolvePath(viaCredentials),
    resolve: viaResolve ?? DEFAULT_RESOLVES,
    direct: directOf(viaDirect),
    source: sourcesOf(viaSource),
    mark: viaMark === undefined ? undefined : markOf(viaMark),
    resolvers: [],
  };
}

function directOf(texts: readonly string[]): readonly string[] {
  for (const text of texts) {
    const problem = readDirect(text);
    if (problem === undefined) continue;
    const { message, suggestion } = problem;
    throw badVia(`--via-direct: ${message}`, `write --via-direct ${suggestion ?? 'RULE'}`);
  }
  return texts;
}

function sourcesOf(texts: readonly string[]): readonly string[] {
  const families = texts.map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw badVia(`Not an address: "${text}"`, 'write --via-source ADDRESS');
    return address.family;
  });
  if (new Set(families).size < families.length)
    throw badVia('Two source addresses of one family', 'give one --via-source for IPv4, and one for IPv6');
  return texts;
}

function markOf(text: string): number {
  const mark = NUMBER.test(text) ? Number(text) : 0;
  if (mark >= 1 && mark <= MOST_MARK) return mark;
  throw badVia(
    `Not a mark: "${text}"`,
    `write --via-mark with a number from 1 to ${MOST_MARK}, as 42 or 0x2a`,
  );
}

function badVia(message: string, fix: string): PosternError {
  return new PosternError('bad_via', message, { fix });
}
