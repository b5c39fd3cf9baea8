import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { diagnoseRule } from '../../shared/policy/diagnose-rule.js';
import { type ListName, parseRule } from '../../shared/policy/parse-rule.js';
import { RULE_CLASSES } from '../../shared/policy/special-blocks.js';

/** A bad rule, what its message says, and the suggestion. */
type Case = readonly [rule: string, message: RegExp, suggestion?: string];

function refuses(cases: readonly Case[], list: ListName = 'allow'): void {
  for (const [rule, message, suggestion] of cases) {
    assert.equal(parseRule(rule, list), undefined, rule);
    const diagnosis = diagnoseRule(rule, list);
    assert.match(diagnosis.message, message);
    assert.ok(diagnosis.message.startsWith('The rule "'), diagnosis.message);
    assert.doesNotMatch(diagnosis.message, /\.$/);
    assert.equal(diagnosis.suggestion, suggestion, `${rule}: ${diagnosis.message}`);
    if (suggestion !== undefined) assert.ok(parseRule(suggestion, list), suggestion);
  }
}

function accepts(rules: readonly string[], list: ListName = 'allow'): void {
  for (const rule of rules) assert.ok(parseRule(rule, list), `${rule}: ${diagnoseRule(rule, list).message}`);
}

test('every form of the grammar is a rule', () => {
  accepts(['example.com', 'Example.com.', 'db', 'a_b.example', 'xn--bcher-kva.example', '*', '*:*', '*:22']);
  accepts([
    '*.example.com',
    '**.example.com',
    '*.example.com:80,443,8000-8100',
    'example.com:1',
    'example.com:65535',
  ]);
  accepts([
    '10.0.0.0/8',
    '10.1.2.3',
    '10.1.2.3/32:22',
    '0.0.0.0/0',
    '[::1]',
    '[::/0]:443',
    '[fd00::/8]',
    '[fd00::1/128]',
  ]);
  accepts(['[::ffff:10.0.0.5]:443', '@public', '@private:5432', '@loopback:*', '@linklocal', '@metadata:80']);
});

test('a scheme or a path is no part of a rule', () => {
  refuses([
    ['https://example.com', /scheme "https"/, 'example.com'],
    ['http://example.com/a?b', /scheme "http"/, 'example.com:80'],
    ['https://user:secret@example.com:8443/', /scheme/, 'example.com:8443'],
    ['udp://1.1.1.1:53', /scheme "udp": rules are for TCP/, '1.1.1.1:53'],
    ['file:///etc/passwd', /scheme/],
    ['example.com/path', /has a path/, 'example.com'],
    ['example.com:443/path', /has a path/, 'example.com:443'],
    ['example.com?q', /path or a query/, 'example.com'],
    ['user@example.com', /has a user/, 'example.com'],
  ]);
});

test('a rule is ASCII, and the xn-- form is suggested', () => {
  refuses([
    ['bücher.example', /not ASCII/, 'xn--bcher-kva.example'],
    ['*.bücher.example:8443', /not ASCII/, '*.xn--bcher-kva.example:8443'],
    ['ⓔxample.com', /not ASCII/, 'example.com'],
    ['exam\u00adple.com', /not ASCII/, 'example.com'],
    ['\u202eexample.com', /not ASCII/],
  ]);
  // Newer Nodes (Ada 4) convert no broken punycode.
  const broken = 'xn--a-0000000.example.com';
  if (domainToASCII(broken) !== broken) refuses([[`*.${broken}`, /no valid punycode/]]);
});

test('a wildcard is a whole first label and nothing else', () => {
  refuses([
    ['api.*.example.com', /wildcard inside/, '*.example.com'],
    ['*example.com', /wildcard inside/, '*.example.com'],
    ['a*.example.com', /wildcard inside/, '*.example.com'],
    ['*.*.example.com', /wildcard inside/, '*.example.com'],
    ['***.example.com', /wildcard inside/, '*.example.com'],
    ['example.*', /wildcard at its end/, 'example.com'],
    ['**', /wildcard at its end/],
  ]);
  accepts(['*.example.com', '**.example.com', '*']);
});

test('a wildcard over a public suffix of ICANN is refused, one over a private suffix or an unlisted top level is not', () => {
  refuses([
    ['*.com', /wildcard over "com"/, '*.example.com'],
    ['**.com:8443', /wildcard over "com"/, '*.example.com:8443'],
    ['*.co.uk', /wildcard over "co.uk"/, '*.example.co.uk'],
    ['*.CO.UK.', /wildcard over "co.uk"/, '*.example.co.uk'],
    ['*.kawasaki.jp', /wildcard over/],
    ['*.foo.ck', /wildcard over/, '*.example.foo.ck'],
  ]);
  refuses([['*.com', /wildcard over "com"/, '*.example.com']], 'deny');
  accepts(['*.internal', '**.test', '*.github.io', '*.s3.amazonaws.com', '*.www.ck', 'com', 'co.uk']);
});

test('IPv6 stands in brackets, its prefix length inside', () => {
  refuses([
    ['2001:db8::1:443', /IPv6 address without brackets/, '[2001:db8::1]:443'],
    ['2001:db8::1', /IPv6 address without brackets/, '[2001:db8::1]'],
    ['::1', /IPv6 address without brackets/, '[::1]'],
    ['fd00::/8', /IPv6 address without brackets/, '[fd00::/8]'],
    ['fd00::/8:443', /IPv6 address without brackets/, '[fd00::/8]:443'],
    ['fe80::1%eth0', /IPv6 address without brackets/, '[fe80::1]'],
    ['[fe80::]/10:443', /outside the brackets/, '[fe80::/10]:443'],
    ['[fe80::1%eth0]', /has a zone/, '[fe80::1]'],
    ['[::1', /bracket without its other half/],
    ['[1.2.3.4]:80', /brackets round something other than an IPv6/, '1.2.3.4:80'],
    ['[example.com]', /brackets round something other than an IPv6/, 'example.com'],
    ['[10.0.0.0/8]', /brackets round something other than an IPv6/, '10.0.0.0/8'],
  ]);
});

test('bits after a prefix length are an error, and the prefix without them is suggested', () => {
  refuses([
    ['10.1.2.3/8:443', /bits set after its prefix length/, '10.0.0.0/8:443'],
    ['192.168.1.0/16', /bits set after/, '192.168.0.0/16'],
    ['128.0.0.0/0', /bits set after/, '0.0.0.0/0'],
    ['10.0.0.128/24', /bits set after/, '10.0.0.0/24'],
    ['[2001:db8::1/32]', /bits set after/, '[2001:db8::/32]'],
    ['[fe80::1/10]:80', /bits set after/, '[fe80::/10]:80'],
  ]);
  accepts(['10.0.0.128/25', '[fec0::/10]']);
});

test('a prefix length has a range and no leading zero', () => {
  refuses([
    ['10.0.0.0/33', /prefix length: it is a number from 0 to 32/],
    ['[fd00::/129]', /prefix length: it is a number from 0 to 128/],
    ['10.0.0.0/08', /bad prefix length/, '10.0.0.0/8'],
    ['10.0.0.0/', /bad prefix length/],
    ['10.0.0.0/8/9', /bad prefix length/],
    ['10.0.0.0/-1', /bad prefix length/],
  ]);
});

test('an IPv4-mapped prefix is written in its IPv4 form', () => {
  refuses([
    ['[::ffff:10.0.0.0/104]:443', /IPv4-mapped prefix/, '10.0.0.0/8:443'],
    ['[::ffff:0:0/96]', /IPv4-mapped prefix/, '0.0.0.0/0'],
    ['[::ffff:a00:5/128]', /IPv4-mapped prefix/, '10.0.0.5'],
    ['[::ffff:10.0.0.0/90]', /IPv4-mapped prefix/],
  ]);
  accepts(['[::ffff:10.0.0.5]', '[::/80]']);
});

test('an octet has no leading zero, and there are four of them', () => {
  refuses([
    ['010.0.0.1', /leading zero/, '10.0.0.1'],
    ['10.0.00.0/16:22', /leading zero/, '10.0.0.0/16:22'],
    ['127.1', /not a dotted quad/],
    ['1.2.3.4.5', /not a dotted quad/],
    ['256.1.1.1', /not a dotted quad/],
    ['10/8', /not a dotted quad/],
    ['2130706433', /last label is a number/],
    ['0x7f.1', /last label is a number/],
  ]);
});

test('a port is a number from 1 to 65535, a range of them, a list of those, or *', () => {
  refuses([
    ['example.com:', /no port after its colon/, 'example.com'],
    ['example.com:0', /bad port/, 'example.com'],
    ['example.com:65536', /bad port/, 'example.com'],
    ['example.com:90-80', /wrong way round/, 'example.com:80-90'],
    ['example.com:0443', /bad port/, 'example.com:443'],
    ['example.com:80,,443', /bad port/, 'example.com:80,443'],
    ['example.com:80,*', /bad port/, 'example.com'],
    ['example.com:https', /bad port/, 'example.com'],
    ['example.com:-1', /bad port/, 'example.com'],
    ['10.0.0.1:+80', /bad port/, '10.0.0.1'],
    ['10.0.0.0/8:0', /bad port/, '10.0.0.0/8'],
    ['[::1]:1.5', /bad port/, '[::1]'],
    ['[fd00::/8]:', /no port after its colon/, '[fd00::/8]'],
    ['@public:x', /bad port/, '@public'],
    ['*:0', /bad port/, '*'],
    ['example.com:80:443', /more than one colon/],
  ]);
});

test('a class is one of those that a rule can name', () => {
  refuses([
    ['@everything:443', new RegExp(`names no class: there are @${RULE_CLASSES.join(', @')}`)],
    ['@Public', /names no class/, '@public'],
    ['@link-local:80', /names no class/, '@linklocal:80'],
    ['@', /names no class/],
  ]);
});

test('a name in a rule is a name that could be asked for', () => {
  refuses([
    ['', /is empty/],
    [' example.com', /white space/, 'example.com'],
    ['example.com, example.org', /white space/],
    ['example.com:80, 443', /white space/, 'example.com:80,443'],
    ['exa mple.com', /white space/],
    ['example.com\0', /control character/, 'example.com'],
    ['a..example', /label is empty/],
    ['-a.example', /hyphen/],
    [`${'a'.repeat(64)}.example`, /longer than 63/],
    [`${'abcdefgh.'.repeat(29)}example`, /longer than 253/],
    ['a+b.example', /not a letter/],
    [':443', /has no host/],
    ['*.', /label is empty/],
  ]);
});

test('a rule that is no string is a problem and no exception', () => {
  for (const value of [undefined, null, 443, {}, []]) {
    assert.equal(diagnoseRule(value, 'allow').message, 'The rule is not a string');
  }
});

test('no text makes the reader throw, a refusal quotes no control character, and what is suggested is a rule', () => {
  const near = fc.string({ unit: fc.constantFrom(...'ab01.:*[]/@-%, \u00fc\n'), maxLength: 16 });
  fc.assert(
    fc.property(
      fc.oneof(near, fc.string({ unit: 'binary' })),
      fc.constantFrom('allow', 'deny'),
      (text, list) => {
        if (parseRule(text, list)) return;
        const { message, suggestion } = diagnoseRule(text, list);
        assert.match(message, /^[ -~…]+$/);
        if (suggestion !== undefined) assert.ok(parseRule(suggestion, list));
      },
    ),
    { numRuns: 3000 },
  );
});
