// The handshake for a proxy. Pure.
import type { Handshake, ProxyTarget } from './handshake.js';
import { HttpConnect } from './http-connect.js';
import { Socks5 } from './socks5.js';
import type { UpstreamProxy } from './upstream.js';

export function beginHandshake({ kind, credentials }: UpstreamProxy, target: ProxyTarget): Handshake {
  return kind === 'http' ? new HttpConnect(target, credentials) : new Socks5(target, credentials);
}
