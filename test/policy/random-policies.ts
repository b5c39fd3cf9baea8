// Random policies and requests near their rules, for the tests that compare policies.
import fc from 'fast-check';
import type { PolicySource } from '../../shared/policy/policy.js';
import type { Compared } from './compared.js';
import { ADDRESSES, CLASSES, LOCAL, NAMES, PORTS, prefixText, WILD, writeRule } from './naive-cases.js';
import { addressOf } from './rules.js';

const port = fc.constantFrom(...PORTS);
const address = fc.constantFrom(...ADDRESSES);
const range = fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const ports = fc.oneof(
  fc.constant([[443, 443]] as const),
  fc.array(range, { minLength: 1, maxLength: 2 }),
  fc.constant([[1, 65_535]] as const),
);
const prefix = fc
  .tuple(address, fc.constantFrom(0, 1, 4, 7, 8, 10, 12, 14, 16, 24, 28, 31, 32, 32))
  .map(([text, quarter]) => prefixText(text, text.includes(':') ? quarter * 4 : quarter));
const target = fc.oneof(
  fc.constantFrom(...NAMES, ...LOCAL),
  fc.constantFrom(...WILD).chain((name) => fc.constantFrom(`*.${name}`, `**.${name}`)),
  prefix,
  prefix,
  fc.constantFrom(...CLASSES),
  fc.constant('*'),
);
export const rule: fc.Arbitrary<string> = fc.record({ target, ports }).map(writeRule);
export const policy: fc.Arbitrary<PolicySource> = fc.record({
  allow: fc.array(rule, { maxLength: 6 }),
  deny: fc.array(rule, { maxLength: 3 }),
  mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'audit' as const),
});
/** Near the rules, since most of them share a few prefixes. */
const near = fc.tuple(address, fc.integer({ min: 0, max: 127 }), fc.boolean()).map(([text, bit, flips]) => {
  const { bytes } = addressOf(text);
  const at = bit % (bytes.length * 8);
  const changed = bytes.map((byte, index) => (flips && index === at >> 3 ? byte ^ (0x80 >> (at & 7)) : byte));
  return changed.length === 4 ? changed.join('.') : addressText(changed);
});
export const request: fc.Arbitrary<Compared> = fc.record({
  host: fc.oneof(
    fc.constantFrom(...NAMES, ...LOCAL, 'new.example.com', 'deep.new.a.example.com', 'other.test', 'single'),
    near,
  ),
  port: fc.oneof(port, fc.integer({ min: 1, max: 65_535 })),
  resolved: near,
  where: fc.constantFrom(undefined, 'own' as const, 'listener' as const),
});

function addressText(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  ).join(':');
}
