// The types of postern/plugin, compiled with the tests: what is passed to the libraries fits their declarations, and what is
// wrong does not compile. pg, ws and ssh2 bring no declarations; theirs are given here as far as they concern the connection.
import { Agent as HttpBase, get as httpGet } from 'node:http';
import { Agent as HttpsBase, get as httpsGet } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { Agent, Dispatcher, RequestInit } from 'undici';
import {
  AbortError,
  ChannelSocket,
  connect,
  explain,
  HttpAgent,
  HttpsAgent,
  openChannel,
  PosternError,
} from '../../sandbox/plugin/index.js';
import { dispatcher } from '../../sandbox/plugin/undici.js';

interface SshOptions {
  sock?: Readable;
}

/** Never run. */
export async function types(): Promise<void> {
  const where = { host: 'example.com', port: 443 };
  const socket = await connect({ ...where, signal: AbortSignal.timeout(1), timeout: 1, allowHalfOpen: true });
  socket satisfies Socket;
  (await explain(where)).decision satisfies 'allow' | 'would_deny' | 'deny';
  (await openChannel()).requestFd satisfies number;
  await connect({ path: '/run/x.sock', timeout: 1 });
  await explain({ path: '/run/x.sock' });
  // @ts-expect-error a socket has no port
  await connect({ path: '/run/x.sock', port: 1 });
  // @ts-expect-error a port is a number
  await connect({ host: 'example.com', port: '443' });
  // @ts-expect-error a host is needed
  await connect({ port: 443 });
  // @ts-expect-error names are resolved by the broker
  await connect({ ...where, lookup: () => undefined });

  const lazy = new ChannelSocket({ allowHalfOpen: true });
  lazy.connect(443, 'example.com', () => undefined) satisfies Socket;
  tlsConnect({ socket: lazy, servername: 'example.com' });

  new HttpAgent({ keepAlive: true, maxSockets: 1 }) satisfies HttpBase;
  new HttpsAgent({ keepAlive: true, ca: 'PEM' }) satisfies HttpsBase;
  httpGet({ agent: new HttpAgent() });
  httpsGet({ agent: new HttpsAgent() });
  // @ts-expect-error an agent's option of no kind
  new HttpAgent({ keepalive: true });

  dispatcher({ connections: 1, connect: { timeout: 1000, ca: 'PEM' } }) satisfies Agent satisfies Dispatcher;
  ({ dispatcher: dispatcher() }) satisfies RequestInit;
  // @ts-expect-error the connection is the channel's
  dispatcher({ connect: () => undefined });
  // @ts-expect-error so is its place
  dispatcher({ connect: { socketPath: '/run/socket' } });

  ({ sock: socket }) satisfies SshOptions;

  const error: unknown = undefined;
  if (error instanceof PosternError) {
    error.code satisfies string;
    error.errno satisfies number | undefined;
    error.suggestion satisfies string | undefined;
  }
  if (error instanceof AbortError) error.code satisfies string;
  void HttpBase;
  void HttpsBase;
}
