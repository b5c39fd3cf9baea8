// Reads `HOST:PORT` of postern's own listener. Pure.

/** Reads `HOST:PORT`, with IPv6 in brackets. Port 0: the kernel picks one. @returns undefined if the text is no address */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
