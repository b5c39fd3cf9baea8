import { limitsOf } from '../../shared/config/limit-forms.js';
// A sandbox's DNS on a port of loopback, and a name server for it to ask. The test takes the place of the sandbox.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { DnsServer } from '../../broker/dns/dns-server.js';
import { DescriptorPool } from '../../broker/limit/descriptor-shares.js';
import { LineLink } from '../../broker/line-link.js';
import { HostsFile } from '../../broker/names/hosts-file.js';
import { NameCache } from '../../broker/names/name-cache.js';
import { NameServers } from '../../broker/names/name-servers.js';
import { NameResolver } from '../../broker/names/resolve.js';
import { Audit, EventTally } from '../../broker/record/audit.js';
import { LogRoom } from '../../broker/record/log-gate.js';
import type { Plugin, Services } from '../../broker/request/plugin.js';
import { BROKER_DESCRIPTORS, MAX_BROKER_LINE_BYTES } from '../../shared/limits.js';
import { LineReader } from '../../shared/line-reader.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import { boundDatagramSocket, listeningSocket } from '../../shared/sys/datagram.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { boundAddress } from '../../shared/sys/socket.js';
import type { Mode } from '../../shared/words.js';
import type { AuditLine } from '../harness/audit-line.js';
import { makePlugin, makeServices } from './make-plugin.js';
import { type NameServer, startNameServer, type Zone } from './name-server.js';

export interface DnsServerOptions {
  /** Whether the audit log has room, if it loses no event. */
  readonly logRoom?: boolean;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly mode?: Mode;
  readonly zone?: Zone;
  readonly delays?: Readonly<Record<string, number>>;
  readonly hosts?: string;
  readonly port?: number;
  /** In place of the default of questions_per_second. */
  readonly perSecond?: number;
  /** That the plugins share, and as many more. */
  readonly descriptors?: number;
}

export interface TestDnsServer {
  readonly port: number;
  readonly dns: DnsServer;
  readonly services: Services;
  readonly plugin: Plugin;
  readonly server: NameServer;
  /** Audit events so far. */
  readonly events: AuditLine[];
  readonly count: (metric: string) => Promise<number>;
  readonly rules: (options: DnsServerOptions) => void;
  readonly close: () => void;
}

const LOOPBACK: Uint8Array = new Uint8Array([127, 0, 0, 1]);
const NAME = 'probe';
const PORT_TRIES = 50;

export async function startDnsServer(options: DnsServerOptions = {}): Promise<TestDnsServer> {
  const server = await startNameServer(options.zone ?? {}, options.delays);
  const self = await linkToSelf();
  try {
    return serveDns(options, server, self);
  } catch (error) {
    // An open socket would keep the test's process until its time limit.
    server.close();
    self.close();
    throw error;
  }
}

function serveDns(
  options: DnsServerOptions,
  server: NameServer,
  { link, lines, close }: Awaited<ReturnType<typeof linkToSelf>>,
): TestDnsServer {
  const services = makeServices({
    audit: new Audit(link, () => {}, new LogRoom(options.logRoom, () => link.backlogBytes), new EventTally()),
    descriptors: new DescriptorPool(options.descriptors ?? BROKER_DESCRIPTORS),
    names: new NameResolver(
      new HostsFile(options.hosts ?? '/nonexistent'),
      new NameCache(new NameServers([server.address])),
    ),
  });
  const plugin = makePlugin(NAME, services);
  plugin.shows('trap');
  const limits = limitsOf(options.perSecond === undefined ? {} : { questions_per_second: options.perSecond });
  const rules = ({ allow = [], deny = [], mode = 'enforce' }: DnsServerOptions): void => {
    const compiled = compilePolicy({ allow, deny, mode });
    if (!compiled.ok) throw new TypeError(JSON.stringify(compiled.problems));
    plugin.configure(compiled.policy, limits);
  };
  if (options.allow !== undefined || options.mode !== undefined) rules(options);
  const { datagrams, listener, port } = bindPair(options.port);
  const dns = new DnsServer(services, plugin, { datagrams, listener });
  let closed = false;
  return {
    port,
    dns,
    services,
    plugin,
    server,
    get events() {
      return lines.flatMap((line) => (line.type === 'audit' ? [line.line] : []));
    },
    count: async (metric) => readCount(await services.metrics.text(), metric),
    rules,
    close: () => {
      if (closed) return;
      closed = true;
      dns.close();
      services[Symbol.dispose]();
      server.close();
      close();
    },
  };
}

/** One port for both protocols. A port that is free for datagrams may be taken for streams. */
function bindPair(wanted = 0): { datagrams: OwnedFd; listener: OwnedFd; port: number } {
  for (let tries = wanted === 0 ? PORT_TRIES : 1; ; tries -= 1) {
    const datagrams = boundDatagramSocket({ bytes: LOOPBACK, port: wanted });
    try {
      const port = boundAddress(datagrams.number)?.port ?? 0;
      return { datagrams, listener: listeningSocket({ bytes: LOOPBACK, port }, 16), port };
    } catch (error) {
      datagrams.close();
      if (tries === 1 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

function readCount(page: string, metric: string): number {
  const line = page.split('\n').find((text) => text.startsWith(`postern_${metric} `));
  if (line === undefined) throw new Error(`No ${metric}`);
  return Number(line.slice(line.lastIndexOf(' ')));
}

/** A link whose other end the test reads. */
async function linkToSelf(): Promise<{ link: LineLink; lines: BrokerLine[]; close: () => void }> {
  const lines: BrokerLine[] = [];
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (typeof address !== 'object' || address === null) throw new Error('Not listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const near = connect(address.port, '127.0.0.1');
  const [far] = await accepted;
  listener.close();
  const reader = new LineReader((text) => lines.push(JSON.parse(text) as BrokerLine), MAX_BROKER_LINE_BYTES);
  far.on('data', (chunk: Buffer) => reader.push(chunk));
  const close = (): void => {
    near.destroy();
    far.destroy();
  };
  return {
    link: new LineLink(
      near,
      near,
      () => {},
      () => {},
    ),
    lines,
    close,
  };
}
