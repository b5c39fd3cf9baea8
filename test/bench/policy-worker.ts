// Loads rules and decides requests, in its own process. At each line on stdin it does both, and prints the times as JSON.
//
// policy-worker DIST RULES
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Address } from '../../shared/policy/address.js';
import type { Request } from '../../shared/policy/decision.js';

type Shared = typeof import('../../shared/policy/address.js') &
  typeof import('../../shared/policy/compile-policy.js') &
  typeof import('../../shared/policy/decide.js') &
  typeof import('../../shared/policy/host-block.js');

const [, , dist = '', rules = ''] = process.argv;
// A checkout of another time may lack one of them, and have its content in another.
const parts = ['address', 'compile-policy', 'decide', 'host-block', 'own-addresses']
  .map((name) => join(dist, `shared/policy/${name}.js`))
  .filter((path) => existsSync(path));
const modules = await Promise.all(parts.map((path) => import(path)));
const { addressFromBytes, compilePolicy, decide, OwnAddresses }: Shared = Object.assign({}, ...modules);

const RULES = Number(rules);
const DECISIONS = 200_000;

function measure(): { loadMs: number; decideUs: number } {
  const random = mulberry32(1);
  const denied = Math.floor(RULES / 10);
  const allow = Array.from({ length: RULES - denied }, (_, index) => makeRule(index, random));
  const deny = Array.from({ length: denied }, (_, index) => makeRule(index * 7 + 3, random));
  const loading = performance.now();
  const compiled = compilePolicy({ allow, deny });
  const loadMs = performance.now() - loading;
  if (!compiled.ok) throw new Error(`The rules of the bench are wrong: ${compiled.problems[0]?.message}`);
  const questions = Array.from({ length: 10_000 }, () => makeQuestion(random));
  const context = { own: OwnAddresses.of(makeAddress(1, 4), makeAddress(2, 6)), listeners: [] };
  const decideAll = (): void => {
    for (const { request, resolved } of questions) decide(compiled.policy, request, resolved, context);
  };
  decideAll();
  const deciding = performance.now();
  for (let round = 0; round < DECISIONS / questions.length; round++) decideAll();
  return { loadMs, decideUs: ((performance.now() - deciding) * 1_000) / DECISIONS };
}
const PORTS = ['', ':443', ':8000-8100', ':80,443,8443', ':*'];

function makeRule(index: number, random: () => number): string {
  const port = PORTS[Math.floor(random() * PORTS.length)] ?? '';
  switch (index % 10) {
    case 0:
      return `*.zone${index}.example.net${port}`;
    case 1:
      return `**.zone${index}.example.org${port}`;
    case 2:
      return `${makeAddress(index, 4).text}${port}`;
    case 3:
      return `${(index >> 8) & 255 || 1}.${index & 255}.0.0/${16 + (index % 2) * 4}${port}`;
    case 4:
      return `[${makeAddress(index, 6).text}]${port}`;
    case 5:
      return `[2600:${(index & 0xffff).toString(16)}::/${32 + (index % 7) * 8}]${port}`;
    default:
      return `host${index}.service${index % 1000}.example.com${port}`;
  }
}

function makeQuestion(random: () => number): { request: Request; resolved: Address[] } {
  const index = Math.floor(random() * RULES * 1.5);
  const hosts = [
    `a.b.zone${index - (index % 10)}.example.net`,
    `zone${index - (index % 10) + 1}.example.org`,
    makeAddress(index, 4).text,
    makeAddress(index, 6).text,
    `host${index}.service${index % 1000}.example.com`,
    `Unknown${index}.deep.er.name.example.edu.`,
  ];
  const host = hosts[Math.floor(random() * hosts.length)] ?? '';
  const port = random() < 0.8 ? 443 : 8080;
  return { request: { host, port }, resolved: [makeAddress(index, 4), makeAddress(index + 1, 6)] };
}

function makeAddress(seed: number, family: 4 | 6): Address {
  const [a, b, c] = [(seed >> 16) & 255, (seed >> 8) & 255, seed & 255];
  if (family === 4) return addressFromBytes(Uint8Array.of(20 + (a % 60), b, c, 7));
  return addressFromBytes(Uint8Array.of(0x26, 0, 0x14, a, b, c, 0, 0, 0, 0, 0, 0, 0, 0, b, c));
}

/** Tommy Ettinger's mulberry32: the same rules in every run. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

console.log('ready');
for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify(measure()));
