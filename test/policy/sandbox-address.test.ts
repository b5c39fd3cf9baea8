import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loopbackProblems } from '../../shared/policy/sandbox-address.js';

test('a rule that opens loopback to the client library alone is told, with the rule that works', () => {
  for (const [rule, works] of [
    ['localhost:5432', '127.0.0.1:5432'],
    ['db.localhost', '127.0.0.1:443'],
    ['@loopback:*', '127.0.0.1:PORT'],
    ['127.0.0.0/8:6379', '127.0.0.1:6379'],
  ] as const)
    assert.equal(
      loopbackProblems(['api.example.com', rule])
        .map(({ index, message }) => `${index} ${message}`)
        .join('; '),
      `1 The rule "${rule}" opens nothing to the program's own connect(2): loopback is the sandbox's own there. Name the address and port of the host, such as ${works}`,
    );
  for (const rule of [
    ...['127.0.0.1:5432', '127.0.0.1/32', '[::1]:80', '0.0.0.0/0', '@private'],
    ...['api.example.com', '*', 'unix:/run/db.sock', 'no rule'],
  ])
    assert.deepEqual(loopbackProblems([rule]), [], rule);
  assert.deepEqual(loopbackProblems(['localhost:80', '127.0.0.1:80']), []);
});
