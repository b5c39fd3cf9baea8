// The clients that connect to one upstream: directly, by the C limits, by postern's two ways out, and by peers.
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { underPostern } from '../checkouts.js';
import { LineProgram } from '../line-program.js';
import type { Bench, Checkout, Contestant } from '../measure.js';
import type { Opened, Part } from '../open-scene.js';
import type { Upstream } from './upstream.js';

/** Starts a client. It takes lines `connects COUNT ABREAST` once it is there. */
export type StartClient = () => Promise<LineProgram>;

export const BESIDE_GATEWAY: string = 'trap, beside a gateway';

/** What a contestant does with its client. */
export type Use = (start: StartClient, upstream: Upstream) => Promise<Opened>;

export function clientsInC({ programs, checkouts }: Bench, upstream: Upstream, use: Use): Part[] {
  const program = (name: string): string => join(programs, name);
  const client = [program('connects'), '127.0.0.1', upstream.ports];
  const part = (name: string, role: Contestant['role'], words: readonly string[]): Part => ({
    ...{ name, role },
    open: () => use(() => started(words), upstream),
  });
  const limit = (name: string): string[] => [program('limit'), name, ...client];
  return [
    part('direct', 'direct', client),
    part('C limit, hand-over', 'limit', limit('hand-over')),
    part('C limit, trap', 'limit', limit('trap')),
    part('C limit, trap with checks', 'limit', limit('trap-checked')),
    ...checkouts.map((checkout) => ofPostern('trap', checkout, client, upstream, use)),
    ...checkouts.map((checkout) => ofPostern('channel', checkout, [...client, 'channel'], upstream, use)),
  ];
}

/** A plugin's own connects, without a gateway and with one for a host that it does not ask for. */
export function clientsBesideGateway(
  { programs, checkouts }: Bench,
  upstream: Upstream,
  use: Use,
): readonly Part[] {
  const file = join(programs, 'gateway.yaml');
  writeFileSync(file, 'gateway: {api.example.com: {allow: ["GET /**"]}}\n', { mode: 0o600 });
  const client = [join(programs, 'connects'), '127.0.0.1', upstream.ports];
  const gateway = ['--allow', 'api.example.com', '--gateway', file];
  return [
    { name: 'direct', role: 'direct', open: () => use(() => started(client), upstream) },
    ...checkouts.flatMap((one) => [
      ofPostern('trap', one, client, upstream, use),
      { ...ofPostern('trap', one, client, upstream, use, gateway), name: BESIDE_GATEWAY },
    ]),
  ];
}

export function clientsInNode({ programs, checkouts }: Bench, upstream: Upstream, use: Use): Part[] {
  const script = join(programs, 'client.mjs');
  copyFileSync(fileURLToPath(new URL('../client.js', import.meta.url)), script);
  const client = [process.execPath, script, '127.0.0.1', upstream.ports];
  const shown = ['--visible', script];
  const library = ({ dist }: Checkout): string => join(dist, 'sandbox/plugin/index.js');
  return [
    { name: 'direct', role: 'direct', open: () => use(() => started(client), upstream) },
    ...checkouts.map((one) => ofPostern('channel', one, [...client, library(one)], upstream, use, shown)),
    ...checkouts.map((one) => ofPostern('trap', one, client, upstream, use, shown)),
  ];
}

function ofPostern(
  name: 'trap' | 'channel',
  checkout: Checkout,
  client: readonly string[],
  upstream: Upstream,
  use: Use,
  more: readonly string[] = [],
): Part {
  const egress = name === 'trap' ? 'transparent' : 'channel';
  const options = ['--egress', egress, '--allow', `127.0.0.1:${upstream.ports}`, ...more];
  const start: StartClient = () => started(underPostern(checkout, options, client), checkout.top);
  return { name, role: 'postern', checkout: checkout.label, open: () => use(start, upstream) };
}

async function started(words: readonly string[], cwd?: string): Promise<LineProgram> {
  const program = new LineProgram(words, cwd);
  await program.line();
  return program;
}
