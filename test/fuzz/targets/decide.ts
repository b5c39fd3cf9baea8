// A decision: the input chooses rules, request, addresses and host, and the naive evaluator decides a second time.
import assert from 'node:assert/strict';
import {
  ADDRESSES,
  decideCase,
  HOSTS,
  LISTENERS,
  OWN,
  PORTS,
  prefixText,
  TARGETS,
} from '../../policy/naive-cases.js';
import { evaluate, type NaiveCase, type NaiveRule } from '../../policy/naive-evaluator.js';
import { inShort } from '../../policy/rules.js';
import type { FuzzTarget } from '../fuzz-target.js';

type Choose = <T>(from: readonly T[]) => T;

/** Reads choices from an input: its bytes, and 0 behind them. */
export function chooser(bytes: Uint8Array): { readonly byte: () => number; readonly choose: Choose } {
  let at = 0;
  const byte = (): number => bytes[at++] ?? 0;
  const choose: Choose = (from) => {
    const chosen = from[byte() % from.length];
    if (chosen === undefined) throw new RangeError('Nothing to choose from');
    return chosen;
  };
  return { byte, choose };
}

export function ruleOf(byte: () => number, choose: Choose): NaiveRule {
  return { target: targetOf(byte, choose), ports: portsOf(byte, choose) };
}

export const target: FuzzTarget = {
  name: 'decide',
  maxBytes: 160,
  slowMs: 50,
  tokens: [],
  generate: (pick) => Uint8Array.from({ length: 20 + pick(140) }, () => pick(256)),
  run: (bytes) => {
    const asked = readCase(bytes);
    const decision = decideCase(asked);
    assert.equal(inShort(decision), evaluate(asked), JSON.stringify(asked));
    if (decision.decision === 'deny') assert.equal(decision.dial.length, 0);
    return `${decision.decision} ${decision.reason} ${decision.dial.length} ${decision.dropped.length} ${asked.mode}`;
  },
};

function readCase(bytes: Uint8Array): NaiveCase {
  const { byte, choose } = chooser(bytes);
  const rules = (most: number): NaiveRule[] =>
    Array.from({ length: byte() % (most + 1) }, () => ruleOf(byte, choose));
  return {
    mode: choose(['enforce', 'enforce', 'audit']),
    host: choose(HOSTS),
    port: choose(PORTS),
    own: choose([[], OWN]),
    listeners: choose([[], LISTENERS]),
    resolved: Array.from({ length: byte() % 5 }, () => choose(ADDRESSES)),
    deny: rules(3),
    allow: rules(10),
  };
}

function targetOf(byte: () => number, choose: Choose): string {
  return byte() % 2 === 0 ? choose(TARGETS) : prefixText(choose(ADDRESSES), byte() % 129);
}

function portsOf(byte: () => number, choose: Choose): NaiveRule['ports'] {
  return Array.from({ length: 1 + (byte() % 2) }, () => {
    const [a, b] = [choose(PORTS), choose([...PORTS, 65_535])];
    return byte() % 2 === 0 ? ([a, a] as const) : ([Math.min(a, b), Math.max(a, b)] as const);
  });
}
