// The answers that the broker's resolver takes from a server. It ignores a datagram with another id or question. A valid one yields a
// bounded number of addresses, all of them in the datagram and of the family that was asked for.
// An input is a byte of flags (1: the true id, 2: the true question, 4: AAAA), then the datagram.
import assert from 'node:assert/strict';
import { type FamilyAnswer, NameServers } from '../../../broker/names/name-servers.js';
import { DNS_ANSWERS } from '../../../shared/limits.js';
import { ask } from '../../broker/names/ask.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { questionOf, startHostileNameServer, TRUTH } from '../hostile-name-server.js';

const HEADER = 12;
const server = await startHostileNameServer();
const names = new NameServers([server.address]);
let asked = 0;

export const target: FuzzTarget = {
  name: 'dns-upstream',
  maxBytes: 1200,
  slowMs: 4500,
  tokens: [
    ...[
      [0x81, 0x80],
      [0x83, 0x80],
      [0x81, 0x83],
      [0x81, 0x82],
      [0xc0, 0x0c],
      [0, 1, 0, 1],
      [0, 28, 0, 1],
    ].map(Buffer.from),
    ...[
      [0, 5, 0, 1],
      [0, 41, 4, 208, 0, 0, 0, 0],
      [0, 4],
      [0, 16],
      [0xff, 0xff, 0xff, 0xff],
    ].map(Buffer.from),
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1]),
    Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]),
  ],
  run: async ([flags = 0, ...datagram]) => {
    const family = (flags & 4) === 0 ? 4 : 6;
    const lies: { lie: Buffer; believable: boolean }[] = [];
    server.lie = (query) => {
      const lie = dress(Buffer.from(datagram), query, flags);
      lies.push({ lie, believable: isBelievable(lie, query) });
      return lie;
    };
    asked += 1;
    const answer = await ask(names, `n${asked}.example.com`, family);
    assert.ok(lies.length > 0, 'no question came');
    const believable = lies.some((told) => told.believable);
    if (!believable)
      assert.ok(isTrue(answer, family) || isFailure(answer), `believed: ${JSON.stringify(answer)}`);
    if (answer.kind !== 'addresses') return `${answer.kind} ${believable}`;
    mustStandIn(answer, family, lies[0]?.lie ?? Buffer.alloc(0));
    return `${isTrue(answer, family)} ${believable} ${Math.min(3, answer.addresses.length)}`;
  },
  close: () => server.close(),
};

/** Gives a lie the true id and question, as its flags say. */
function dress(datagram: Buffer, query: Buffer, flags: number): Buffer {
  const header = Buffer.concat([
    datagram.subarray(0, HEADER),
    Buffer.alloc(Math.max(0, HEADER - datagram.length)),
  ]);
  if ((flags & 1) !== 0) query.copy(header, 0, 0, 2);
  const question = (flags & 2) === 0 ? Buffer.alloc(0) : questionOf(query);
  return Buffer.concat([header, question, datagram.subarray(HEADER)]);
}

function isBelievable(lie: Buffer, query: Buffer): boolean {
  const question = questionOf(query).toString('latin1').toLowerCase();
  const same =
    lie
      .subarray(HEADER, HEADER + question.length)
      .toString('latin1')
      .toLowerCase() === question;
  return same && lie.readUInt16BE(0) === query.readUInt16BE(0) && lie.readUInt16BE(4) === 1;
}

function isTrue(answer: FamilyAnswer, family: 4 | 6): boolean {
  return answer.kind === 'addresses' && answer.addresses.map(({ text }) => text).join() === TRUTH[family];
}

/** The resolver calls the server faulty, as a lie may make it do. It yields no address then. */
function isFailure({ kind }: FamilyAnswer): boolean {
  return kind === 'servfail' || kind === 'timeout';
}

function mustStandIn(answer: FamilyAnswer & { kind: 'addresses' }, family: 4 | 6, lie: Buffer): void {
  const { addresses, ttl } = answer;
  assert.ok(addresses.length >= 1 && addresses.length <= DNS_ANSWERS, `${addresses.length} addresses`);
  assert.ok(Number.isInteger(ttl) && ttl >= 0 && ttl < 2 ** 32, `a TTL of ${ttl}`);
  if (isTrue(answer, family)) return;
  for (const { text, bytes, family: found } of addresses) {
    // An IPv4-mapped IPv6 address is its IPv4 address from here on.
    assert.ok(found === family || family === 6, `${text} of another family`);
    assert.ok(lie.includes(Buffer.from(bytes)), `${text} does not stand in the answer`);
  }
}
