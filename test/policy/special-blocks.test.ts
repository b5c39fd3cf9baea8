import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findBlock,
  METADATA_ADDRESSES,
  RULE_CLASSES,
  SPECIAL_IPV4,
  SPECIAL_IPV6,
} from '../../shared/policy/special-blocks.js';
import type { AddressClass } from '../../shared/words.js';
import { addressOf, ask, policyOf } from './rules.js';

/** A block: its first and last address, their class, and the addresses just outside; `-` for none. */
type Edge = readonly [first: string, last: string, inside: AddressClass, before: string, after: string];

/** `address=class`, or only an address if it is public. */
function assertClass(text: string, inside: AddressClass): void {
  const found = findBlock(addressOf(text))?.class ?? 'public';
  const lost = RULE_CLASSES.includes(inside) ? `. No deny rule for @${inside} covers it any more` : '';
  assert.equal(found, inside, `${text} is ${found}, and was ${inside}${lost}`);
}

function assertEdges(edges: readonly Edge[]): void {
  for (const [first, last, inside, ...outside] of edges) {
    assertClass(first, inside);
    assertClass(last, inside);
    for (const beyond of outside) {
      const [address = '', beyondClass = 'public'] = beyond.split('=');
      if (address !== '-') assertClass(address, beyondClass as AddressClass);
    }
  }
}

test('each special block of IPv4 ends where the registry says', () => {
  assertEdges([
    ['0.0.0.0', '0.255.255.255', 'special', '-', '1.0.0.0'],
    ['10.0.0.0', '10.255.255.255', 'private', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', 'private', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', 'loopback', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', 'linklocal', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', 'private', '172.15.255.255', '172.32.0.0'],
    ['192.0.0.0', '192.0.0.255', 'special', '191.255.255.255', '192.0.1.0'],
    ['192.0.0.8', '192.0.0.8', 'special', '192.0.0.7=special', '192.0.0.9'],
    ['192.0.0.11', '192.0.0.191', 'special', '192.0.0.10', '192.0.0.192=metadata'],
    ['192.0.2.0', '192.0.2.255', 'special', '192.0.1.255', '192.0.3.0'],
    ['192.88.99.0', '192.88.99.255', 'special', '192.88.98.255', '192.88.100.0'],
    ['192.168.0.0', '192.168.255.255', 'private', '192.167.255.255', '192.169.0.0'],
    ['198.18.0.0', '198.19.255.255', 'special', '198.17.255.255', '198.20.0.0'],
    ['198.51.100.0', '198.51.100.255', 'special', '198.51.99.255', '198.51.101.0'],
    ['203.0.113.0', '203.0.113.255', 'special', '203.0.112.255', '203.0.114.0'],
    ['224.0.0.0', '239.255.255.255', 'special', '223.255.255.255', '240.0.0.0=special'],
    ['240.0.0.0', '255.255.255.255', 'special', '239.255.255.255=special', '-'],
  ]);
});

test('each special block of IPv6 ends where the registry says', () => {
  assertEdges([
    ['::', '::', 'special', '-', '::1=loopback'],
    ['::2', '::fffe:ffff:ffff', 'special', '::1=loopback', '-'],
    [
      '::ffff:0:0:0',
      '::ffff:0:ffff:ffff',
      'special',
      '::fffe:ffff:ffff:ffff=special',
      '::ffff:1:0:0=special',
    ],
    ['64:ff9b::', '64:ff9b::ffff:ffff', 'special', '64:ff9a:ffff::=special', '64:ff9b:0:0:0:1::=special'],
    ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', 'special', '-', '64:ff9b:2::=special'],
    ['100::', '100::ffff:ffff:ffff:ffff', 'special', '-', '100:0:0:1::=special'],
    ['200::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '1ff:ffff::=special', '2000::'],
    [
      '2001::',
      '2001:0:ffff:ffff:ffff:ffff:ffff:ffff',
      'special',
      '2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      '-',
    ],
    ['2001:1::', '2001:1::', 'special', '-', '2001:1::1'],
    ['2001:1::4', '2001:2:0:ffff::', 'special', '2001:1::3', '2001:2:1::=special'],
    ['2001:2::', '2001:2:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '-', '2001:3::'],
    ['2001:4::', '2001:4:111:ffff:ffff:ffff:ffff:ffff', 'special', '2001:3:ffff:ffff::', '2001:4:112::'],
    ['2001:4:113::', '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '2001:4:112:ffff::', '2001:20::'],
    ['2001:40::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '2001:3f:ffff::', '2001:200::'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '2001:db7:ffff::', '2001:db9::'],
    ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '2001:ffff:ffff::', '2003::'],
    ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '3ffe:ffff:ffff::', '3fff:1000::'],
    ['4000::', '5eff:ffff::', 'special', '3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '5f00::=special'],
    ['5f00::', 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', '-', 'fc00::=private'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'private', 'fbff:ffff::=special', 'fe00::=special'],
    [
      'fe80::',
      'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      'linklocal',
      'fe7f:ffff::=special',
      'fec0::=special',
    ],
    ['fec0::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special', 'febf:ffff::=linklocal', '-'],
  ]);
});

const ENTRIES = [...SPECIAL_IPV4, ...SPECIAL_IPV6, ...METADATA_ADDRESSES];

test('a prefix stands once in the tables', () => {
  const prefixes = ENTRIES.map(([prefix]) => prefix);
  assert.deepEqual(
    prefixes.filter((prefix, at) => prefixes.indexOf(prefix) !== at),
    [],
    'an address has one class: change the class of the entry that is there',
  );
});

test('the addresses of a class are opened by a rule for that class alone, and closed by one', () => {
  for (const name of RULE_CLASSES) {
    const found = [['8.8.8.8/32'], ...ENTRIES]
      .map(([prefix = '']) => prefix.replace(/\/.*/, ''))
      .filter((text) => (findBlock(addressOf(text))?.class ?? 'public') === name);
    assert.ok(found.length > 0, `give the class ${name} to entries of special-blocks.ts`);
    const own = `@${name}:80`;
    const others = RULE_CLASSES.filter((other) => other !== name).map((other) => `@${other}:80`);
    for (const address of found) {
      const answer = (allow: readonly string[], deny: readonly string[] = []): string =>
        ask(policyOf(allow, deny), `${address} 80`).reason;
      assert.equal(answer([own]), 'rule', address);
      assert.notEqual(answer(others), 'rule', address);
      assert.equal(answer([own], [own]), 'denied_by_rule', address);
    }
  }
});

test('the entries that are globally reachable are public', () => {
  const reachable = [
    '192.0.0.9',
    '192.0.0.10',
    '192.31.196.0',
    '192.31.196.255',
    '192.52.193.1',
    '192.175.48.255',
  ];
  const reachable6 = [
    '2001:1::1',
    '2001:1::2',
    '2001:1::3',
    '2001:3::1',
    '2001:4:112::1',
    '2001:20::1',
    '2001:30::1',
  ];
  for (const text of [...reachable, ...reachable6, '2001:3f:ffff::', '2620:4f:8000::1'])
    assertClass(text, 'public');
});

test('a metadata address is a block, and its neighbours are not in it', () => {
  const metadata: [string, AddressClass][] = [
    ['169.254.169.254', 'linklocal'],
    ['169.254.170.2', 'linklocal'],
    ['169.254.170.23', 'linklocal'],
    ['169.254.169.252', 'linklocal'],
    ['169.254.42.42', 'linklocal'],
    ['169.254.0.23', 'linklocal'],
    ['168.63.129.16', 'public'],
    ['100.100.100.200', 'private'],
    ['192.0.0.192', 'special'],
    ['fd00:ec2::254', 'private'],
    ['fd00:ec2::23', 'private'],
    ['fd20:ce::254', 'private'],
    ['fd00:42::42', 'private'],
    ['fd00:c1::a9fe:a9fe', 'private'],
    ['fe80::a9fe:a9fe', 'linklocal'],
  ];
  for (const [text, around] of metadata) {
    assertClass(text, 'metadata');
    const last = text.includes(':') ? /[0-9a-f]+$/i : /\d+$/;
    const next = text.replace(last, (digits) =>
      text.includes(':') ? (Number.parseInt(digits, 16) + 1).toString(16) : String(Number(digits) + 1),
    );
    assertClass(next, around);
    assert.equal(ask(policyOf(['@metadata:80']), `${text} 80`).decision, 'allow', text);
    assert.equal(
      ask(policyOf(['@private:80', '@linklocal:80', '@public:80']), `${text} 80`).decision,
      'deny',
      text,
    );
  }
});

test('a wider rule never opens a narrower block, and a rule inside it does', () => {
  const closed: [string, string][] = [
    ['0.0.0.0/0', '10.0.0.1'],
    ['10.0.0.0/7', '10.0.0.1'],
    ['169.254.0.0/16', '169.254.169.254'],
    ['192.0.0.0/24', '192.0.0.171'],
    ['0.0.0.0/8', '0.0.0.0'],
    ['168.63.129.0/24', '168.63.129.16'],
    ['[::/0]', '4000::1'],
    ['[::/0]', 'fd00::1'],
    ['[fc00::/6]', 'fd00::1'],
    ['[fd00::/8]', 'fd00:ec2::254'],
    ['[::/3]', '::1'],
    ['[2001::/16]', '2001::1'],
  ];
  for (const [rule, address] of closed) {
    const wide = ask(policyOf([`${rule}:80`]), `${address} 80`);
    assert.equal(`${wide.decision} ${wide.reason}`, 'deny address_special', `${rule} ${address}`);
    assert.equal(wide.suggestion, address.includes(':') ? `[${address}]:80` : `${address}:80`);
    assert.equal(ask(policyOf([`${rule}:80`, wide.suggestion ?? '']), `${address} 80`).decision, 'allow');
  }
  const opened: [string, string][] = [
    ['10.0.0.0/8', '10.0.0.1'],
    ['169.254.0.0/16', '169.254.1.1'],
    ['192.0.0.0/24', '192.0.0.172'],
    ['192.0.0.0/16', '192.0.0.9'],
    ['[fc00::/7]', 'fd00::1'],
    ['[4000::/3]', '4000::1'],
    ['[2001::/32]', '2001:0:808:808::f7f7:f7f7'],
  ];
  for (const [rule, address] of opened) {
    assert.equal(ask(policyOf([`${rule}:80`]), `${address} 80`).decision, 'allow', `${rule} ${address}`);
  }
});

test('a rule for a translating form opens its public addresses, and not the special ones inside', () => {
  const forms: [string, string, string, string][] = [
    ['[64:ff9b::/96]', '64:ff9b::808:808', '64:ff9b::a9fe:a9fe', '[64:ff9b::a00:0/104]'],
    ['[64:ff9b:1::/48]', '64:ff9b:1::808:808', '64:ff9b:1::a00:1', '[64:ff9b:1::a00:0/104]'],
    ['[2002::/16]', '2002:808:808::1', '2002:a9fe:a9fe::1', '[2002:a00::/24]'],
    ['[::/96]', '::808:808', '::7f00:1', '[::a00:0/104]'],
    ['[::ffff:0:0:0/96]', '::ffff:0:808:808', '::ffff:0:7f00:1', '[::ffff:0:a00:0/104]'],
    ['[2001::/32]', '2001:0:808:808::f7f7:f7f7', '2001:0:808:808::80ff:fffe', '[2001:0:a00::/40]'],
    ['[2001::/32]', '2001:0:808:808::f7f7:f7f7', '2001:0:a00:1::f7f7:f7f7', '[2001:0:a00::/40]'],
  ];
  for (const [form, open, shut, inside] of forms) {
    assert.equal(ask(policyOf([`${form}:80`]), `${open} 80`).decision, 'allow', open);
    assert.equal(ask(policyOf([`${form}:80`]), `${shut} 80`).reason, 'address_special', shut);
    assert.equal(ask(policyOf([`[${shut}]:80`]), `${shut} 80`).decision, 'allow', shut);
    assert.ok(policyOf([inside]));
  }
  assert.equal(ask(policyOf(['[64:ff9b::a00:0/104]:80']), '64:ff9b::a01:203 80').decision, 'allow');
  assert.equal(ask(policyOf(['[2002:a00::/24]:80']), '2002:a01:203::1 80').decision, 'allow');
});

test('a deny rule for IPv4 holds for that address inside a translating form', () => {
  const allow = ['[64:ff9b::/96]:80', '[2002::/16]:80'];
  assert.equal(ask(policyOf(allow, ['8.8.8.0/24']), '64:ff9b::808:808 80').reason, 'denied_by_rule');
  assert.equal(ask(policyOf(allow, ['@public:80']), '2002:808:808::1 80').reason, 'denied_by_rule');
  assert.equal(ask(policyOf(allow, ['8.8.9.0/24']), '64:ff9b::808:808 80').decision, 'allow');
  assert.equal(ask(policyOf(['[::1]:80'], ['0.0.0.0/8']), '::1 80').decision, 'allow');
});
