import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnAddresses } from '../../shared/policy/host-block.js';
import { pluginRefusal } from '../../shared/policy/plugin-refusal.js';
import { addressOf, ask, policyOf } from './rules.js';

const HOST = {
  own: OwnAddresses.of(addressOf('93.184.216.34')),
  listeners: [{ address: addressOf('9.9.9.9'), port: 443 }],
};

test('a plugin cannot tell a denied address of a name from a special one, nor learn the address', () => {
  const policy = policyOf(['example.com'], ['1.1.1.0/24', '*:22']);
  const answers = [['1.1.1.1'], ['10.1.2.3'], ['169.254.169.254'], ['::1'], ['93.184.216.34'], ['9.9.9.9']];
  const reasons = new Set<string>();
  const refusals = answers.map((resolved) => {
    const decision = ask(policy, 'example.com 443', resolved, HOST);
    reasons.add(decision.reason);
    return JSON.stringify(pluginRefusal(decision));
  });
  assert.deepEqual([...reasons], ['address_denied', 'address_special']);
  assert.deepEqual([...new Set(refusals)], [refusals[0]]);
  assert.deepEqual(JSON.parse(refusals[0] ?? ''), {
    errno: 'EACCES',
    reason: 'address_refused',
    message: 'Cannot connect to "example.com:443": no address that may be dialled',
  });
});

test('the operator sees what the plugin does not', () => {
  const decision = ask(policyOf(['example.com']), 'example.com 443', ['10.1.2.3']);
  assert.match(decision.message, /10\.1\.2\.3 is a private address/);
  assert.equal(decision.suggestion, '10.1.2.3:443');
  assert.equal(decision.dropped[0]?.class, 'private');
});

test('a plugin gets the rule for what it asked itself: a name, a port, a literal', () => {
  const policy = policyOf(['example.com', '0.0.0.0/0']);
  const suggestion = (destination: string): string | undefined =>
    pluginRefusal(ask(policy, destination)).suggestion;
  assert.equal(suggestion('example.org 443'), 'example.org:443');
  assert.equal(suggestion('example.com 8443'), 'example.com:8443');
  assert.equal(suggestion('10.1.2.3 443'), '10.1.2.3:443');
  assert.equal(suggestion('fd00::1 443'), '[fd00::1]:443');
  assert.equal(suggestion('a..b 443'), undefined);
});

test('no word of a deny rule, of a block or of an address that was dropped reaches a plugin', () => {
  const policy = policyOf(
    ['**.example.com', '10.0.0.0/8'],
    ['secret.example.com', '10.9.0.0/16', '203.0.113.7'],
  );
  const asked: [string, string[]][] = [
    ['secret.example.com 443', []],
    ['a.example.com 443', ['203.0.113.7', '169.254.169.254']],
    ['a.example.com 443', ['10.9.1.1', '192.168.3.4']],
    ['a.example.com 443', []],
    ['10.9.1.1 443', []],
    ['127.0.0.1 443', []],
    ['example.org 443', ['10.9.1.1']],
  ];
  for (const [destination, resolved] of asked) {
    const decision = ask(policy, destination, resolved);
    assert.equal(decision.decision, 'deny');
    const { message, suggestion = '' } = pluginRefusal(decision);
    const said = `${message} ${suggestion}`.replaceAll(decision.host, '');
    for (const secret of [
      ...resolved,
      '10.9',
      '203.0',
      'private',
      'metadata',
      'special',
      'secret',
      'loopback',
    ]) {
      assert.ok(!said.includes(secret), `${said} tells ${secret}`);
    }
  }
});
