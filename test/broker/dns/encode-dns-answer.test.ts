import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { decodeDnsQuestion } from '../../../broker/dns/decode-dns-question.js';
import {
  type DnsAnswer,
  encodeDnsAnswer,
  encodeDnsRejection,
  failed,
  granted,
  refusedName,
  type Transport,
} from '../../../broker/dns/encode-dns-answer.js';
import { type Address, parseAddress } from '../../../shared/policy/address.js';
import { nameBytes, type QueryParts, query } from '../dns-query.js';

const addresses = (...texts: string[]): Address[] =>
  texts.map(parseAddress).filter((address) => address !== undefined);
const many = (count: number): Address[] =>
  addresses(...Array.from({ length: count }, (_, index) => `192.31.196.${index}`));

function encode(
  name: string | Buffer,
  answer: DnsAnswer,
  parts: QueryParts = {},
  transport: Transport = 'udp',
): Buffer {
  const question = decodeDnsQuestion(query(name, parts));
  assert.ok(question !== 'drop' && !('rejected' in question));
  return encodeDnsAnswer(question, answer, transport);
}

test('an answer repeats id, question and its letters, recurses, has no authority, and has its addresses', () => {
  const bytes = encode('Api.eXample.Test', granted(addresses('192.31.196.1', '192.31.196.2'), 42), { id: 7 });
  const message = decode(bytes);
  assert.equal(message.id, 7);
  assert.equal(message.type, 'response');
  assert.equal(message.rcode, 'NOERROR');
  assert.deepEqual(
    [message.flag_ra, message.flag_rd, message.flag_aa, message.flag_tc],
    [true, true, false, false],
  );
  assert.deepEqual(
    bytes.subarray(12, 34),
    Buffer.concat([nameBytes('Api.eXample.Test'), Buffer.from([0, 1, 0, 1])]),
  );
  assert.deepEqual(
    message.answers.map(({ name, type, ttl, data }) => [name, type, ttl, data]),
    ['192.31.196.1', '192.31.196.2'].map((data) => ['Api.eXample.Test', 'A', 42, data]),
  );
  assert.deepEqual(message.additionals, []);
});

test('IPv6 addresses are AAAA records', () => {
  const [record] = decode(encode('a.test', granted(addresses('2001:4:112::1'), 5), { type: 28 })).answers;
  assert.deepEqual([record?.type, record?.data], ['AAAA', '2001:4:112::1']);
});

test('a refused name is NXDOMAIN, with Extended DNS Error 15 only for an asker with EDNS', () => {
  const plain = decode(encode('a.test', refusedName('no rule allows it')));
  assert.equal(plain.rcode, 'NXDOMAIN');
  assert.deepEqual(plain.additionals, []);
  const extended = decode(encode('a.test', refusedName('no rule allows it'), { edns: { do: true } }));
  const [record] = extended.additionals;
  assert.equal(record?.flags, 0x8000, 'DO is sent back');
  const [option] = record?.options ?? [];
  assert.equal(option?.code, 15);
  assert.equal(option?.data.readUInt16BE(0), 15);
  assert.equal(option?.data.subarray(2).toString(), 'no rule allows it');
});

test('an answer that is no refusal has no extended error', () => {
  const [record] = decode(encode('a.test', granted(), { edns: {} })).additionals;
  assert.deepEqual(record?.options, []);
});

test('an unknown version of EDNS is BADVERS, of which the header has the lower half', () => {
  const message = decode(encode('a.test', failed('badvers'), { edns: { version: 1 } }));
  assert.equal(message.rcode, 'NOERROR');
  assert.equal(message.additionals[0]?.extendedRcode, 1);
});

test('a datagram is at most as long as its asker takes, else truncated; a stream is never truncated', () => {
  const records = granted(many(32), 60);
  for (const [size, fits] of [
    [undefined, false],
    [100, false],
    [512, false],
    [4096, true],
    [65_535, true],
  ] as const) {
    const parts = size === undefined ? {} : { edns: { size } };
    const bytes = encode('name.example.test', records, parts);
    const message = decode(bytes);
    assert.equal(message.flag_tc, !fits, `${size}`);
    assert.equal(message.answers.length, fits ? 32 : 0);
    assert.ok(bytes.length <= Math.max(size ?? 512, 512));
  }
  const stream = decode(encode('name.example.test', records, {}, 'tcp'));
  assert.deepEqual([stream.flag_tc, stream.answers.length], [false, 32]);
});

test('the longest name with the most addresses fits the largest datagram, or is truncated', () => {
  const label = 'a'.repeat(63);
  const name = [label, label, label, 'a'.repeat(61)].join('.');
  const bytes = encode(name, granted(many(32), 60), { edns: { size: 65_535 } });
  assert.equal(decode(bytes).flag_tc, true);
  assert.ok(bytes.length < 512);
});

test('a name of odd bytes comes back as it was', () => {
  const odd = Buffer.from([3, 0x61, 0x2e, 0x00, 2, 0xff, 0x20, 0]);
  const bytes = encode(odd, refusedName('not the name of a host'), { edns: {} });
  assert.deepEqual(bytes.subarray(12, 12 + odd.length), odd);
  assert.equal(bytes.readUInt16BE(4), 1);
  assert.equal(bytes[3], 0x83, 'RA and NXDOMAIN');
});

test('a rejection is a header, and the question where it could be read', () => {
  const reject = (message: Buffer): Buffer => {
    const decoded = decodeDnsQuestion(message);
    assert.ok(decoded !== 'drop' && 'rejected' in decoded);
    return encodeDnsRejection(decoded);
  };
  const status = reject(query('a.test', { id: 5, flags: 2 << 11 }));
  assert.equal(status.length, 12);
  assert.deepEqual([decode(status).id, decode(status).rcode, decode(status).opcode], [5, 'NOTIMP', 'STATUS']);
  const chaos = decode(reject(query('version.bind', { class: 3, type: 16 })));
  assert.deepEqual([chaos.rcode, chaos.questions[0]?.name], ['REFUSED', 'version.bind']);
  assert.equal(decode(reject(query('a.test', { counts: [2, 0, 0, 0] }))).rcode, 'FORMERR');
});
