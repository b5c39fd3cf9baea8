// `HOST:PORT` of a listener of postern's own. Pure.

/** An address as `HOST:PORT`, IPv6 in brackets; port 0 takes a free one. @returns undefined where it is none */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
