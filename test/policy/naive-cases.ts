// Cases for the naive evaluator, made of few names and addresses, so that rules and requests often meet.
import { decide } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { type HostContext, OwnAddresses } from '../../shared/policy/host-block.js';
import { formatPrefix, prefixOf } from '../../shared/policy/prefix.js';
import { RULE_CLASSES } from '../../shared/policy/special-blocks.js';
import type { NaiveCase, NaiveRule } from './naive-evaluator.js';
import { addressOf, policyOf } from './rules.js';

export const NAMES: readonly string[] = [
  'example.com',
  'a.example.com',
  'b.a.example.com',
  'example.org',
  'db',
  'aexample.com',
  'corp.internal',
];
export const LOCAL: readonly string[] = ['localhost', 'a.localhost'];
export const WILD: readonly string[] = [
  'example.com',
  'a.example.com',
  'example.org',
  'internal',
  'localhost',
  'b.a.example.com',
];
const FOUR = [
  '8.8.8.8',
  '8.8.9.9',
  '9.9.9.9',
  '10.1.2.3',
  '10.0.0.5',
  '127.0.0.1',
  '169.254.169.254',
  '169.254.1.1',
];
const ODD_FOUR = ['100.100.100.200', '100.64.0.5', '168.63.129.16', '192.0.0.9', '192.0.0.11', '203.0.113.1'];
const SIX = [
  '2606:4700::1111',
  '2606:4700::5',
  'fd00::1',
  'fd00:ec2::254',
  '::1',
  'fe80::1',
  '2001:db8::1',
  '4000::1',
];
/** With an IPv4 address inside: NAT64, 6to4, Teredo, IPv4-compatible, IPv4-translated. */
const FORMS = [
  '64:ff9b::808:808',
  '64:ff9b::a01:203',
  '64:ff9b:1::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '2002:808:808::1',
  '2001:0:808:808::f5fe:fdfc',
  '2001:0:a01:203::f7f7:f7f7',
  '::808:808',
  '::a01:203',
  '::ffff:0:808:808',
];
export const ADDRESSES: readonly string[] = [...FOUR, ...ODD_FOUR, ...SIX, ...FORMS];
export const HOSTS: readonly string[] = [...NAMES, ...LOCAL, ...ADDRESSES];
export const PORTS: readonly number[] = [22, 80, 443, 8080, 9464];
export const CLASSES: readonly string[] = RULE_CLASSES.map((name) => `@${name}`);
export const TARGETS: readonly string[] = [
  ...NAMES,
  ...LOCAL,
  ...WILD.flatMap((name) => [`*.${name}`, `**.${name}`]),
  ...CLASSES,
  '*',
];
export const OWN: readonly string[] = ['10.0.0.5', '9.9.9.9', '2606:4700::5', '127.0.0.1', '::1'];
export const LISTENERS: NaiveCase['listeners'] = [
  { address: '127.0.0.1', port: 9464 },
  { address: '0.0.0.0', port: 8080 },
];

/** The prefix of the first bits of an address, as in a naive rule. `bits` is cut to those of the family. */
export function prefixText(address: string, bits: number): string {
  const most = address.includes(':') ? 128 : 32;
  return formatPrefix(prefixOf(addressOf(address), Math.min(bits, most))).replace(/[[\]]/g, '');
}

/** A rule as written. */
export function writeRule({ target, ports }: NaiveRule): string {
  const subject = target.includes(':') ? `[${target}]` : target;
  return `${subject}:${ports.map(([low, high]) => (low === high ? low : `${low}-${high}`)).join(',')}`;
}

/** Decides a case. @param more allow rules to add, as written */
export function decideCase(asked: NaiveCase, more: readonly string[] = []): Decision {
  const policy = policyOf([...asked.allow.map(writeRule), ...more], asked.deny.map(writeRule), asked.mode);
  return decide(policy, asked, asked.resolved.map(addressOf), contextOf(asked));
}

export function contextOf({ own, listeners }: NaiveCase): HostContext {
  return {
    own: OwnAddresses.of(...own.map(addressOf)),
    listeners: listeners.map(({ address, port }) => ({ address: addressOf(address), port })),
  };
}
