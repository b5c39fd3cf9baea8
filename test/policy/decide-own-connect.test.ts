import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy } from '../../shared/policy/compile-policy.js';
import { decideOwnConnect } from '../../shared/policy/decide-own-connect.js';

const HOST = { own: { has: () => false }, listeners: [] };

function causeOf(host: string, ...allow: readonly string[]): string {
  const compiled = compilePolicy({ allow, deny: [] });
  assert.ok(compiled.ok);
  const { decision } = decideOwnConnect(compiled.policy, { host, port: 5432 }, [], HOST);
  assert.equal(decision.decision, 'deny');
  return decision.cause;
}

test('where a rule opens the host loopback to the client library alone, the cause says so', () => {
  const alone = /opens the host's to connect\(2\)\. @loopback:5432 opens it to the client library$/;
  assert.match(causeOf('127.0.0.1', '@loopback:5432'), alone);
  assert.match(causeOf('localhost', '@loopback:5432'), alone);
  assert.match(
    causeOf('127.0.0.2', '127.0.0.0/8:5432'),
    /127\.0\.0\.0\/8:5432 opens it to the client library$/,
  );
  assert.match(
    causeOf('127.0.0.1', '@loopback:443'),
    /only a rule for exactly that address and port opens the host's$/,
  );
});
