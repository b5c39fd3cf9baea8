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
  tunnelled: null,
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

// proves: a connection through a proxy ends with the rule of its address
test('a connection through a proxy is judged by the addresses that were checked for it', () => {
  for (const door of ['trap', 'channel'] as const) {
    const tunnel = { ...SOCKET, host: 'api.example.com', port: 443, dialed: '192.0.2.9', door };
    const isOpen = (
      tunnelled: readonly string[],
      allow: readonly string[],
      deny: readonly string[] = [],
    ): boolean => isStillAllowed(policyOf(allow, deny), { ...tunnel, tunnelled }, ELSEWHERE);
    assert.ok(isOpen(['93.184.216.34'], ['*.example.com']));
    assert.ok(!isOpen(['93.184.216.34'], ['*.example.com'], ['93.184.216.0/24']));
    // A rule for the name alone opens no private address.
    assert.ok(isOpen(['10.1.2.3'], ['*.example.com', '10.1.2.3']));
    assert.ok(!isOpen(['10.1.2.3'], ['*.example.com']));
    // The proxy has the name, and one of its addresses is permitted. Or it alone knows the address.
    assert.ok(isOpen(['93.184.216.34', '198.51.100.1'], ['*.example.com'], ['198.51.100.1']));
    assert.ok(isOpen([], ['*.example.com'], ['93.184.216.0/24']));
    assert.ok(!isOpen([], ['example.com']));
  }
  const byAddress = { ...SOCKET, host: '93.184.216.34', port: 443, tunnelled: ['93.184.216.34'] };
  const named = { ...byAddress, names: ['a.example.com', 'b.example.com'] };
  assert.ok(isStillAllowed(policyOf(['b.example.com']), named, ELSEWHERE));
  assert.ok(!isStillAllowed(policyOf(['b.example.com']), byAddress, ELSEWHERE));
});

// proves: a deny rule for the file of a UNIX socket ends its connections
test('a deny rule for the file of a UNIX socket counts, as for a new connection', () => {
  assert.ok(isAllowed(['unix:/var/run/x.sock'], ['unix:/run/y.sock']));
  assert.ok(!isAllowed(['unix:/var/run/x.sock'], ['unix:/run/x.sock']));
});
