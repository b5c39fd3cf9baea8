// Merges `via` of a plugin with that of `defaults`. Pure. Its values were checked.
import { readProxyUrl } from './proxy-url.js';
import { DEFAULT_RESOLVES, NO_PROXY, type ViaConfig } from './via-config.js';
import type { WrittenVia } from './via-schema.js';

/** Credentials go with the proxy of their own map: another proxy must not get them. */
export function mergeVia(
  plugin: WrittenVia | undefined,
  defaults: WrittenVia | undefined,
  absolute: (path: string) => string,
): ViaConfig | undefined {
  if (plugin === undefined && defaults === undefined) return undefined;
  const { proxy: url = NO_PROXY, credentials_file: file } =
    /* protects: G6 a plugin's own proxy does not get the credentials of another (whole) => ({ ...defaults, ...plugin }) */ (plugin?.proxy ===
    undefined
      ? defaults
      : plugin) ?? {};
  const read = url === NO_PROXY ? undefined : readProxyUrl(url);
  const proxy = read?.ok === true ? read.proxy : undefined;
  const source = plugin?.source ?? defaults?.source ?? [];
  return {
    proxy,
    credentialsFile: proxy === undefined || file === undefined ? undefined : absolute(file),
    resolve: plugin?.resolve ?? defaults?.resolve ?? DEFAULT_RESOLVES,
    direct: [...(defaults?.direct ?? []), ...(plugin?.direct ?? [])],
    mark: plugin?.mark ?? defaults?.mark,
    source: typeof source === 'string' ? [source] : source,
    resolvers: [...(defaults?.resolvers ?? []), ...(plugin?.resolvers ?? [])],
  };
}
