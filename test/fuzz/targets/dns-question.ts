// A sandbox's question: it is owned and within bounds, or rejected, or dropped. Each answer can be parsed, echoes the question, and fits.
import assert from 'node:assert/strict';
import { decode } from 'dns-packet';
import {
  type DnsQuestion,
  type DnsRejection,
  decodeDnsQuestion,
} from '../../../broker/dns/decode-dns-question.js';
import {
  encodeDnsAnswer,
  encodeDnsRejection,
  failed,
  granted,
  refusedName,
} from '../../../broker/dns/encode-dns-answer.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseName } from '../../../shared/policy/parse-host.js';
import { nameBytes, query } from '../../broker/dns-query.js';
import type { FuzzTarget } from '../fuzz-target.js';

const PLAIN_BYTES = 512;
const MAX_BYTES = 4096;
const addresses = (count: number, text: (index: number) => string): ReturnType<typeof parseAddress>[] =>
  Array.from({ length: count }, (_, index) => parseAddress(text(index)));
const FOUR = addresses(32, (index) => `192.31.196.${index}`).filter((address) => address !== undefined);
const SIX = addresses(32, (index) => `2001:4:112::${index}`).filter((address) => address !== undefined);

export const target: FuzzTarget = {
  name: 'dns-question',
  maxBytes: 4200,
  slowMs: 50,
  tokens: [
    ...['\x07example\x03com\x00', '\x01a\x00', '\x3f', '\xc0\x0c'].map((text) => Buffer.from(text, 'latin1')),
    ...[
      [0, 1, 0, 1],
      [0, 28, 0, 1],
      [0, 255, 0, 1],
      [0, 41],
      [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0],
    ].map(Buffer.from),
    ...[
      [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
      [0xff, 0xff],
    ].map(Buffer.from),
  ],
  generate: (pick) =>
    query(nameBytes(Array.from({ length: 1 + pick(8) }, () => 'x'.repeat(1 + pick(63))).join('.')), {
      id: pick(65_536),
      type: [1, 28, 65, 16][pick(4)] ?? 1,
      ...(pick(2) === 0 && { edns: { size: pick(65_536), do: pick(2) === 0 } }),
    }),
  run: (message) => {
    const kept = Buffer.from(message);
    const decoded = decodeDnsQuestion(message);
    if (decoded === 'drop') return 'drop';
    const before = JSON.stringify(decoded);
    message.fill(0xa5);
    assert.equal(JSON.stringify(decoded), before, 'it shares memory with the message');
    const { bytes } = decoded;
    assert.deepEqual(Buffer.from(bytes), kept.subarray(12, 12 + bytes.length), 'the question as it came');
    if ('rejected' in decoded) return mustReject(decoded, kept);
    return mustAnswer(decoded, kept);
  },
};

function mustReject(decoded: DnsRejection, message: Buffer): string {
  const reply = encodeDnsRejection(decoded);
  mustReply(reply, decoded.bytes, message, PLAIN_BYTES);
  assert.equal(
    reply[3] === undefined ? 0 : reply[3] & 0xf,
    { formerr: 1, notimp: 4, refused: 5 }[decoded.rejected],
  );
  return `${decoded.rejected} ${decoded.bytes.length > 0}`;
}

function mustAnswer(question: DnsQuestion, message: Buffer): string {
  const { name, bytes, edns } = question;
  assert.ok(bytes.length <= 259 && name.length <= 253, 'a name that is too long');
  if (/^[a-z0-9.-]+$/i.test(name))
    assert.equal(decode(questionAlone(message, bytes)).questions[0]?.name, name, 'as dns-packet reads it');
  const most = Math.min(Math.max(edns?.size ?? 0, PLAIN_BYTES), MAX_BYTES);
  const isHost = parseName(name) !== undefined;
  const answers = [
    refusedName('no rule allows it'),
    failed('servfail'),
    ...(isHost ? [granted(FOUR, 7), granted(SIX, 7)] : []),
  ];
  let truncated = 0;
  for (const answer of answers) {
    const datagram = mustReply(encodeDnsAnswer(question, answer, 'udp'), bytes, message, most);
    const stream = mustReply(encodeDnsAnswer(question, answer, 'tcp'), bytes, message, 65_535);
    assert.deepEqual(
      stream.answers.map(({ data }) => data),
      answer.addresses.map(({ text }) => text),
    );
    assert.equal(stream.flag_tc, false);
    assert.equal(
      datagram.answers.length,
      datagram.flag_tc ? 0 : answer.addresses.length,
      'all of them, or TC',
    );
    assert.equal(datagram.additionals.length, edns === undefined ? 0 : 1);
    truncated += datagram.flag_tc ? 1 : 0;
  }
  return `question ${isHost} ${edns !== undefined} ${truncated} ${Math.min(3, name.split('.').length)}`;
}

/** The question alone: dns-packet breaks on many records that may follow it. */
function questionAlone(message: Buffer, question: Uint8Array): Buffer {
  const header = Buffer.from(message.subarray(0, 12));
  header.writeUInt16BE(0, 10);
  return Buffer.concat([header, question]);
}

function mustReply(
  reply: Buffer,
  question: Uint8Array,
  asked: Buffer,
  most: number,
): ReturnType<typeof decode> {
  assert.ok(reply.length <= most, `${reply.length} bytes of ${most}`);
  assert.equal(reply.readUInt16BE(0), asked.readUInt16BE(0), 'the id');
  assert.equal(reply.readUInt16BE(2) >> 15, 1, 'a response');
  assert.deepEqual(reply.subarray(12, 12 + question.length), Buffer.from(question));
  return decode(reply);
}
