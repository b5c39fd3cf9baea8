// Rules, one a line: each is a rule whose printed form is the same rule, or a problem that is safe to print. Compiling never throws.
import assert from 'node:assert/strict';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { diagnoseRule } from '../../../shared/policy/diagnose-rule.js';
import { type ListName, parseRule, type Rule, type Target } from '../../../shared/policy/parse-rule.js';
import { formatPrefix } from '../../../shared/policy/prefix.js';
import type { FuzzTarget } from '../fuzz-target.js';

export const target: FuzzTarget = {
  name: 'rule',
  maxBytes: 1024,
  slowMs: 100,
  tokens: [
    ...[
      '\n',
      '*',
      '*.',
      '**.',
      '@public',
      '@private',
      '@loopback',
      ':',
      ':*',
      ':443',
      ':1-65535',
      ',',
      '-',
      '/8',
      '/32',
    ],
    ...[
      '[::/0]',
      '[fd00::/8]',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '::ffff:10.0.0.0/104',
      '010.0.0.1',
      'https://',
      'co.uk',
    ],
    ...[
      'xn--',
      'bücher.example',
      '\u212a',
      '\u0000',
      ' ',
      '\t',
      '?',
      '#',
      '\\',
      'user@',
      'unix:',
      'unix:/run/a.sock',
      '/..',
      '65536',
      '00443',
      '[',
      ']',
      '%eth0',
    ],
  ],
  run: (bytes) => {
    const lines = Buffer.from(bytes).toString('utf8').split('\n').slice(0, 16);
    const seen = new Set(lines.flatMap((text) => [read(text, 'allow'), read(text, 'deny')]));
    const compiled = compilePolicy({ allow: lines, deny: lines.toReversed() });
    const right = lines.every((text) => parseRule(text, 'allow') !== undefined);
    assert.equal(compiled.ok, right, 'a policy exactly where every rule is one');
    const told = compiled.ok ? compiled.warnings : compiled.problems;
    for (const { list, index, message } of told) {
      assert.ok((list === 'allow' || list === 'deny') && index >= 0 && index < lines.length);
      assert.match(message, SHOWN);
    }
    return `${[...seen].sort().slice(0, 2).join(' ')} ${compiled.ok}`;
  },
};

const SHOWN = /^[ -~…]+$/;

function read(text: string, list: ListName): string {
  const rule = parseRule(text, list);
  if (rule !== undefined) {
    const { target, ports } = rule;
    const again = parseRule(print(rule), list);
    assert.deepEqual({ target: again?.target, ports: again?.ports }, { target, ports }, print(rule));
    for (const { low, high } of ports) assert.ok(low >= 1 && low <= high && high <= 65_535);
    return `${target.kind} ${Math.min(3, ports.length)}`;
  }
  const { message, suggestion } = diagnoseRule(text, list);
  assert.match(message, SHOWN);
  if (suggestion !== undefined) assert.ok(parseRule(suggestion, list), `the suggestion ${suggestion}`);
  return message.replace(/"(?:[^"\\]|\\.)*"/g, '').slice(0, 60);
}

function print({ target, ports }: Rule): string {
  if (target.kind === 'socket') return `unix:${target.path}`;
  return `${subject(target)}:${ports.map(({ low, high }) => (low === high ? low : `${low}-${high}`)).join(',')}`;
}

function subject(target: Exclude<Target, { kind: 'socket' }>): string {
  switch (target.kind) {
    case 'any':
      return '*';
    case 'name':
      return target.name;
    case 'below':
      return `${target.apex ? '**' : '*'}.${target.name}`;
    case 'class':
      return `@${target.class}`;
    case 'prefix':
      return formatPrefix(target.prefix);
  }
}
