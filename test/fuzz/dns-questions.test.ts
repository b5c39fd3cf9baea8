// proves: G8
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { decodeDnsQuestion } from '../../broker/dns/decode-dns-question.js';
import { encodeDnsAnswer, encodeDnsRejection, refusedName } from '../../broker/dns/encode-dns-answer.js';
import { LIMIT_FORMS } from '../../shared/config/limit-forms.js';
import { QUESTION_BURST_FACTOR } from '../../shared/limits.js';
import { nameBytes, query } from '../broker/dns-query.js';
import { startDnsServer } from '../broker/start-dns-server.js';
import { until } from '../harness/until.js';
import { chance } from './hostile-frame.js';

const BURST = QUESTION_BURST_FACTOR * LIMIT_FORMS.questions_per_second.default;

const MESSAGES = 50_000;
const SEED = 53;
type Pick = ReturnType<typeof chance>;

const bytes = (pick: Pick, length: number): Buffer => Buffer.from(Array.from({ length }, () => pick(256)));

/** Names that are valid, of odd bytes, compressed, in loops, or too long. */
function hostileName(pick: Pick): Buffer {
  switch (pick(6)) {
    case 0:
      return nameBytes('a.test');
    case 1:
      return nameBytes(Array.from({ length: pick(140) }, () => 'x').join('.'));
    case 2:
      return Buffer.concat([Buffer.from([pick(64)]), bytes(pick, pick(80)), Buffer.from([0])]);
    case 3:
      return Buffer.from([0xc0, pick(64)]);
    case 4:
      return Buffer.concat([Buffer.from('\x03abc'), Buffer.from([0xc0 | pick(64), pick(32)])]);
    default:
      return bytes(pick, pick(300));
  }
}

function hostileMessage(pick: Pick): Buffer {
  const counts = [
    pick(8) === 0 ? pick(65_536) : 1,
    pick(12) === 0 ? 1 : 0,
    pick(12) === 0 ? 1 : 0,
    pick(4) === 0 ? pick(4) : 0,
  ] as const;
  const message = query(hostileName(pick), {
    id: pick(65_536),
    flags: pick(3) === 0 ? pick(65_536) : 0x0100,
    type: pick(3) === 0 ? pick(65_536) : ([1, 28, 65, 255, 41][pick(5)] ?? 1),
    class: pick(6) === 0 ? pick(65_536) : 1,
    counts,
    ...(pick(2) === 0 && {
      edns: {
        size: pick(65_536),
        version: pick(10) === 0 ? pick(256) : 0,
        options: bytes(pick, pick(3) === 0 ? pick(40) : 0),
      },
    }),
    ...(pick(8) === 0 && { tail: bytes(pick, pick(5) === 0 ? pick(6000) : pick(40)) }),
  });
  switch (pick(6)) {
    case 0:
      return message.subarray(0, pick(message.length + 1));
    case 1:
      message[pick(message.length)] = pick(256);
      return message;
    case 2:
      return bytes(pick, pick(64));
    default:
      return message;
  }
}

test('50,000 hostile messages are each a question, a rejection or dropped, and no answer to one breaks', () => {
  const pick = chance(SEED);
  const seen: Record<string, number> = {};
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    const message = hostileMessage(pick);
    const decoded = decodeDnsQuestion(message);
    const kind = decoded === 'drop' ? 'drop' : 'rejected' in decoded ? decoded.rejected : 'question';
    seen[kind] = (seen[kind] ?? 0) + 1;
    if (decoded === 'drop') continue;
    const reply =
      'rejected' in decoded
        ? encodeDnsRejection(decoded)
        : encodeDnsAnswer(decoded, refusedName('no rule allows it'), 'udp');
    assert.equal(reply.readUInt16BE(0), message.readUInt16BE(0), 'the id');
    assert.equal(reply.readUInt16BE(2) >> 15, 1, 'a response');
    assert.ok(reply.length <= 512);
    const { additionals } = decode(reply);
    assert.equal(additionals.length, 'rejected' in decoded || decoded.edns === undefined ? 0 : 1);
  }
  for (const kind of ['question', 'drop', 'formerr', 'notimp', 'refused'])
    assert.ok((seen[kind] ?? 0) > 100, JSON.stringify(seen));
});

test('a DNS server that gets them is as it was before, and answers within its rate', async (t) => {
  const dns = await startDnsServer({
    allow: ['a.test'],
    zone: { 'a.test A': ['192.31.196.1'], 'a.test AAAA': [] },
  });
  t.after(dns.close);
  const pick = chance(SEED + 1);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  let replies = 0;
  socket.on('message', (reply: Buffer) => {
    assert.equal(reply.readUInt16BE(2) >> 15, 1);
    replies += 1;
  });
  await new Promise<void>((resolve) => socket.connect(dns.port, '127.0.0.1', resolve));
  const start = performance.now();
  for (let sent = 0; sent < MESSAGES; sent += 1) {
    socket.send(hostileMessage(pick));
    if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let connections = 0; connections < 100; connections += 1) {
    const stream = connect(dns.port, '127.0.0.1').on('error', () => {});
    const message = hostileMessage(pick);
    stream.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]));
    stream.write(bytes(pick, pick(100)), () => stream.destroy());
    await new Promise((resolve) => setImmediate(resolve));
  }
  const ask = (): Promise<boolean | undefined> =>
    new Promise((resolve) => {
      const asker = createSocket('udp4');
      const end = (answered: boolean | undefined): void => {
        clearTimeout(timer);
        asker.close();
        resolve(answered);
      };
      const timer = setTimeout(() => end(undefined), 200);
      asker.on('message', (reply) => end(decode(reply).answers[0]?.data === '192.31.196.1'));
      asker.send(query('A.Test'), dns.port, '127.0.0.1');
    });
  assert.equal(await until(ask), true);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(replies > 50, `${replies} replies`);
  assert.ok(replies <= BURST + 200 * (seconds + 1), `${replies} replies in ${seconds} s`);
  await until(() => (dns.plugin.questions.count === 0 ? true : undefined));
  for (const question of dns.server.questions) assert.match(question, /^a\.test (A|AAAA)$/);
});
