import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionDescription } from '../../../broker/ledger/register.js';
import { isStillAllowed } from '../../../broker/revoke/revocation.js';
import { ELSEWHERE, policyOf } from '../../policy/rules.js';

const SOCKET: ConnectionDescription = {
  decision_id: '',
  decision: 'allow',
  host: 'unix:/var/run/x.sock',
  port: 0,
  rule: null,
  dialed: '/run/x.sock',
  names: [],
  approved: false,
  proxied: false,
  door: 'trap',
  pid: null,
  program: null,
};
const isAllowed = (allow: readonly string[], deny: readonly string[] = []): boolean =>
  isStillAllowed(policyOf(allow, deny), SOCKET, ELSEWHERE);

test('a connection to a UNIX socket needs the rule for its path', () => {
  assert.ok(isAllowed(['unix:/var/run/x.sock']));
  assert.ok(!isAllowed(['unix:/run/x.sock', '*']));
});

// proves: a deny rule for the file of a UNIX socket ends its connections
test('a deny rule for the file of a UNIX socket counts, as for a new connection', () => {
  assert.ok(isAllowed(['unix:/var/run/x.sock'], ['unix:/run/y.sock']));
  assert.ok(!isAllowed(['unix:/var/run/x.sock'], ['unix:/run/x.sock']));
});
