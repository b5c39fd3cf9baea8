// Two policies compared: what is told to be open is decided so, and where nothing is told the input's requests do not tell them apart.
import assert from 'node:assert/strict';
import { addressFromBytes } from '../../../shared/policy/address.js';
import { openings } from '../../../shared/policy/compare-policies.js';
import type { PolicySource } from '../../../shared/policy/compile-policy.js';
import { passes } from '../../policy/compared.js';
import { ADDRESSES, HOSTS, PORTS, writeRule } from '../../policy/naive-cases.js';
import { addressOf } from '../../policy/rules.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { chooser, ruleOf } from './decide.js';

export const target: FuzzTarget = {
  name: 'compare',
  maxBytes: 220,
  slowMs: 2_000,
  tokens: [],
  generate: (pick) => Uint8Array.from({ length: 40 + pick(180) }, () => pick(256)),
  run: (bytes) => {
    const { byte, choose } = chooser(bytes);
    const policy = (): PolicySource => ({
      mode: choose(['enforce', 'enforce', 'enforce', 'audit']),
      allow: Array.from({ length: byte() % 7 }, () => writeRule(ruleOf(byte, choose))),
      deny: Array.from({ length: byte() % 4 }, () => writeRule(ruleOf(byte, choose))),
    });
    const [inner, outer] = [policy(), policy()];
    const found = [...openings(inner, outer)];
    for (const { host, port, address = host, where } of found) {
      const asked = { host, port, resolved: address, where };
      assert.ok(passes(inner, asked) && !passes(outer, asked), JSON.stringify({ inner, outer, asked }));
    }
    for (let count = 0; count < 20 && found.length === 0; count += 1) {
      const near = Uint8Array.from(addressOf(choose(ADDRESSES)).bytes);
      const at = byte() % (near.length * 8);
      near[at >> 3] = (near[at >> 3] ?? 0) ^ (byte() % 2 === 0 ? 0 : 0x80 >> (at & 7));
      const { text } = addressFromBytes(near);
      const host = byte() % 2 === 0 ? text : choose(HOSTS);
      const where = choose(['elsewhere', 'own', 'listener'] as const);
      const asked = {
        host,
        port: choose(PORTS),
        resolved: text,
        where: where === 'elsewhere' ? undefined : where,
      };
      assert.ok(!passes(inner, asked) || passes(outer, asked), JSON.stringify({ inner, outer, asked }));
    }
    return `${inner.mode} ${outer.mode} ${found.length > 0 ? found[0]?.where : 'none'}`;
  },
};
