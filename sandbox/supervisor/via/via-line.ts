// What the broker learns of a plugin's `via`. Runs in the supervisor, which alone reads the credentials.
import type { ViaConfig, ViaLine } from '../../../shared/config/via-config.js';
import { readCredentials } from './read-credentials.js';

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
