import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { parseAddress } from '../../shared/policy/address.js';
import { parseHost } from '../../shared/policy/parse-host.js';

/** A host in a word: the name, the address, or undefined. */
function read(text: string): string | undefined {
  const host = parseHost(text);
  return host?.kind === 'name' ? host.name : host?.address.text;
}

test('a name is lower-cased and loses one final dot', () => {
  const names: [string, string][] = [
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['db', 'db'],
    ['_dmarc.a_b.example', '_dmarc.a_b.example'],
    ['a-b.example', 'a-b.example'],
    ['1.2.3.a4', '1.2.3.a4'],
    ['0x.example', '0x.example'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ];
  for (const [text, name] of names) assert.equal(read(text), name, text);
});

test('a name of 253 characters is read, with its final dot too, and one of 254 is not', () => {
  const name = `${'abcdefg.'.repeat(31)}abcde`;
  assert.equal(name.length, 253);
  assert.equal(read(name), name);
  assert.equal(read(`${name}.`), name);
  assert.equal(read(`${name}f`), undefined);
  assert.equal(read(`${name}f.`), undefined);
});

test('what is neither a name nor an address is refused, whatever a URL parser would make of it', () => {
  const refused = [
    [
      '',
      '.',
      '..',
      'a..b',
      '.a',
      'a..',
      ' a',
      'a ',
      'a b',
      'a\n',
      'a\0',
      'a\u00adb',
      'exam\u212ample',
      'ⓔxample.com',
    ],
    [
      '-a.example',
      'a-.example',
      `${'a'.repeat(64)}.example`,
      'a%2eb',
      'a#b',
      'a?b',
      'a/b',
      'a\\b',
      'a@b',
      'a:443',
    ],
    [
      '[a]',
      '[a.example]',
      'a]',
      '[a',
      '[1.2.3.4]',
      '[1.2.3.4]:443',
      '[::1]:443',
      '[[::1]]',
      '[::1',
      '::1]',
      '[]',
    ],
    [
      '127.1',
      '2130706433',
      '0x7f.1',
      '0x7f000001',
      '0',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '1.2.3.4.',
      '01.2.3.4',
    ],
    [
      'a.0',
      'a.0x',
      'a.0x1f',
      'a.00',
      '*',
      '*.example.com',
      '１２７.0.0.1',
      '127。0。0。1',
      '1.2.3.٤',
      '\ud800.example',
    ],
    [
      'fe80::1%eth0',
      'fe80::1%25eth0',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '::12345',
      'g::',
    ],
    [
      '1::2:3:4:5:6:7:8',
      '::1.2.3',
      '::1.2.3.4.5',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '::01.2.3.4',
      ':1:2:3:4:5:6:7',
    ],
  ].flat();
  for (const text of refused) assert.equal(read(text), undefined, JSON.stringify(text));
});

// proves: a name is asked for as it was judged
test('a name whose conversion is another one is refused: broken punycode may become the empty name', () => {
  for (const text of ['xn--a-0000000.example.com', 'XN--ABC.example', 'a.xn--0.example', 'xn--a']) {
    const name = text.toLowerCase();
    // Newer Nodes (Ada 4) leave it as it is. Then it is asked for as it was judged.
    assert.equal(read(text), domainToASCII(name) === name ? name : undefined, text);
  }
  for (const text of ['XN--Mnchen-3ya.example', 'xn--fiq228c.example', 'a--b.example', 'ab--cd.example'])
    assert.equal(read(text), text.toLowerCase());
});

test('an IPv6 address is read with brackets and without, and written as RFC 5952 does', () => {
  const addresses: [string, string][] = [
    ['::', '::'],
    ['[::1]', '::1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::8.8.8.8', '64:ff9b::808:808'],
  ];
  for (const [text, canonical] of addresses) assert.equal(read(text), canonical, text);
});

test('an IPv4-mapped address is its IPv4 address, in each of its spellings', () => {
  for (const text of ['::ffff:10.0.0.5', '[::FFFF:a00:5]', '0:0:0:0:0:ffff:0a00:0005']) {
    const host = parseHost(text);
    assert.deepEqual(host?.kind === 'address' && { ...host.address, bytes: [...host.address.bytes] }, {
      family: 4,
      text: '10.0.0.5',
      bytes: [10, 0, 0, 5],
    });
  }
  assert.equal(read('::fffe:10.0.0.5'), '::fffe:a00:5');
});

test('every address that is read is one to the system too, and its canonical text reads as itself', () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const zeros = fc.constantFrom('0', '0000', '0');
  const text = fc
    .array(fc.oneof(group, zeros), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.join(':'));
  fc.assert(
    fc.property(text, (written) => {
      const address = parseAddress(written);
      assert.ok(address);
      assert.equal(isIP(address.text), address.family);
      assert.deepEqual(parseAddress(address.text), address);
    }),
  );
});

test('no text that the system does not take for an address is taken for one', () => {
  const near = fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.[]%x '), maxLength: 24 });
  fc.assert(
    fc.property(near, (text) => {
      if (parseAddress(text)) assert.notEqual(isIP(text), 0);
    }),
    { numRuns: 2000 },
  );
});
