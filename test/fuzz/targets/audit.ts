// From the broker's audit log to the file. Whatever a sandbox's names, programs and messages hold, each event is one line of JSON in
// printable ASCII, with the fields as they were given.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineLink } from '../../../broker/line-link.js';
import { Audit, EventTally } from '../../../broker/record/audit.js';
import { LogRoom } from '../../../broker/record/log-gate.js';
import { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { AuditSink } from '../../../sandbox/supervisor/record/audit-sink.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import { FedSocket } from '../fed-socket.js';
import type { FuzzTarget } from '../fuzz-target.js';

const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-audit-'));
const MOST_EVENTS = 8;

export const target: FuzzTarget = {
  name: 'audit',
  maxBytes: 2048,
  slowMs: 500,
  tokens: [
    ...[
      '\u0000',
      '\n',
      '\r\n',
      '"',
      '\\',
      '\\u0000',
      '"}\n{"event":"decision"',
      '\u2028',
      '\u2029',
      '\u001b[2J',
      '\u009b',
    ],
    ...['\u202e', '\ufeff', '\u007f', '__proto__', '\ufffd', '\u{1f600}', '{"type":"audit","line":'],
    ...[[0xed, 0xa0, 0x80], [0x3d, 0xd8], [0xd8, 0x3d], [0xff]].map(Buffer.from),
  ],
  run: async (bytes) => {
    const texts = textsOf(bytes);
    const sent = collect(texts, bytes.length);
    const lines = await receive(sent, bytes[0] ?? 0);
    assert.equal(lines.length, texts.length, 'as many events as there were');
    const written = await write(lines);
    assert.equal(written.length, texts.length, 'as many lines as there were events');
    for (const [index, text] of texts.entries()) mustSay(written[index] ?? '', text, bytes.length);
    return kindsOf(texts);
  },
  close: () => rmSync(folder, { recursive: true }),
};

/** As UTF-8 and as UTF-16, whose pairs are cut anywhere: half of one is U+FFFD in UTF-8, which the link is. */
function textsOf(bytes: Uint8Array): string[] {
  const raw = Buffer.from(bytes);
  const texts = [...raw.toString('utf8').split('\u0001'), ...raw.toString('utf16le').split('\u0101')];
  return texts.slice(0, MOST_EVENTS).map((text) => Buffer.from(text).toString('utf8'));
}

/** The text that the broker writes to its end of the link. */
function collect(texts: readonly string[], port: number): Buffer {
  const socket = new CollectingSocket();
  const link = new LineLink(
    socket,
    socket,
    () => {},
    () => {},
  );
  const room = new LogRoom(undefined, () => link.backlogBytes);
  const audit = new Audit(link, () => assert.fail('an event was dropped'), room, new EventTally());
  for (const text of texts) {
    audit.question({
      ...QUESTION,
      plugin: 'web',
      program: text,
      name: text,
      rule: text,
      message: text,
      suggestion: text,
    });
    link.drain(() => {});
    const decision = {
      ...DECISION,
      ...{ plugin: 'web', program: text, host: text, port, names: [text], addresses_considered: [text] },
    };
    audit.decision('web', true, () => decision, false, new Date());
    link.drain(() => {});
  }
  return Buffer.concat(socket.chunks);
}

class CollectingSocket extends Socket {
  readonly chunks: Buffer[] = [];

  override write(chunk: Uint8Array | string): boolean {
    this.chunks.push(Buffer.from(chunk));
    return true;
  }
}

const QUESTION = {
  pid: 1,
  door: 'trap',
  mode: 'enforce',
  questions: 1,
  repeated: false,
  type: 'A',
  decision: 'deny',
  reason: 'no_rule',
  addresses_dropped: [],
  policy_hash: null,
} as const;
const DECISION = {
  decision_id: '1',
  pid: 1,
  door: 'trap',
  mode: 'enforce',
  decision: 'deny',
  reason: 'no_rule',
  rule: null,
  addresses_dropped: [],
  dialed: null,
  dns_ms: null,
  connect_ms: null,
  outcome: null,
  policy_hash: null,
} as const;

/** Two events a text come as one pair. */
async function receive(sent: Buffer, seed: number): Promise<[BrokerLine, BrokerLine][]> {
  const socket = new FedSocket();
  const lines: BrokerLine[] = [];
  new BrokerLines(socket, socket, () => {}).on('line', (line) => lines.push(line));
  await socket.feed(sent, 1 + seed * 7);
  const pairs: [BrokerLine, BrokerLine][] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [question, decision] = [lines[at], lines[at + 1]];
    assert.ok(question !== undefined && decision !== undefined);
    pairs.push([question, decision]);
  }
  return pairs;
}

/** The lines of the audit file, in pairs. */
async function write(pairs: readonly (readonly BrokerLine[])[]): Promise<string[]> {
  const path = join(folder, 'audit.jsonl');
  rmSync(path, { force: true });
  const sink = new AuditSink(path, {
    onDropped: () => assert.fail('an event was dropped'),
    onUp: () => {},
    onNotice: (text) => assert.fail(text),
  });
  for (const line of pairs.flat()) {
    assert.ok(line.type === 'audit');
    sink.write(line.line);
  }
  await sink.close(5_000);
  const text = readFileSync(path, 'latin1');
  assert.match(text, /^[ -~\n]*$/, 'printable ASCII alone');
  const lines = text.split('\n');
  assert.equal(lines.pop(), '', 'the last line is whole');
  return Array.from({ length: lines.length / 2 }, (_, index) =>
    lines.slice(2 * index, 2 * index + 2).join('\n'),
  );
}

function mustSay(pair: string, text: string, port: number): void {
  const [question, decision] = pair.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  const { ts: _asked, ...first } = question ?? {};
  const { ts: _decided, ...second } = decision ?? {};
  const texts = { program: text, name: text, rule: text, message: text, suggestion: text };
  assert.deepEqual(first, { event: 'question', plugin: 'web', ...QUESTION, ...texts });
  const own = { program: text, host: text, port, names: [text], addresses_considered: [text] };
  assert.deepEqual(second, { event: 'decision', plugin: 'web', ...DECISION, ...own });
}

function kindsOf(texts: readonly string[]): string {
  const all = texts.join('');
  const kinds = [
    /[\0-\x1f]/,
    /["\\]/,
    /[\x7f-\xff]/,
    /[\u2000-\u20ff]/,
    /[\ud800-\udbff]/,
    /[\udc00-\udfff]/,
  ];
  return `${texts.length} ${kinds.map((kind) => (kind.test(all) ? 1 : 0)).join('')} ${Math.min(8, all.length >> 5)}`;
}
