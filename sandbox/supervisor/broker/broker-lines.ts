// The line stream between the supervisor and its broker, and the reading of what the broker says on it. Runs in the supervisor. The broker reads
// hostile bytes and may have been taken over: each line is checked before it is believed.

import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { PosternError } from '../../../shared/errors.js';
import {
  GIVEN_NAMES_A_LINE,
  KEPT_TEXT,
  LAST_WORDS_MS,
  LISTED_AT_ONCE,
  MAX_BROKER_LINE_BYTES,
  TOLD_PROBLEMS,
  UNREAD_LINES_BYTES,
  USAGE_AT_ONCE,
} from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseName } from '../../../shared/policy/parse-host.js';
import { type AuditEvent, readAuditEvent } from '../../../shared/protocol/audit-events.js';
import {
  ASK_DOORS,
  type BrokerLine,
  type ExplainedAddress,
  type ExplainedWay,
  type Explanation,
  type GivenName,
  type SupervisorLine,
} from '../../../shared/protocol/link.js';
import type { OpenConnection, PluginUsage } from '../../../shared/protocol/open-connections.js';
import {
  count,
  type Fields,
  fields,
  list,
  NONE,
  number,
  orMissing,
  orNull,
  parsed,
  refined,
  type Shape,
  text,
  word,
  yesOrNo,
} from '../../../shared/protocol/shape.js';
import { ADDRESS_CLASSES, DECISIONS, DOORS, REASONS } from '../../../shared/words.js';
import type { LinePipes } from './fork-broker.js';

// The supervisor's end of the line stream to the broker: one JSON object per line, in both directions.

/** @param from,to the ends of two pipes, owned from here on */
export function linesOver({ from, to }: LinePipes, onUnread: () => void): BrokerLines {
  const outgoing = new Socket({ fd: to, readable: false, writable: true });
  const incoming = new Socket({ fd: from, readable: true, writable: false });
  return new BrokerLines(incoming, outgoing, onUnread);
}

/** Emits `line` for each valid line. It ignores other lines: the broker is not trusted. */
export class BrokerLines extends EventEmitter<{ line: [BrokerLine] }> {
  readonly #incoming: Socket;
  readonly #outgoing: Socket;
  readonly #onUnread: () => void;
  #unread = 0;
  #receivedBytes = 0;
  #id = 0;

  /** @param onUnread ends a broker that writes, and so makes this process answer, but does not read */
  constructor(incoming: Socket, outgoing: Socket, onUnread: () => void) {
    super();
    this.#onUnread = onUnread;
    this.setMaxListeners(0);
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    const reader = new LineReader(
      (text) => this.#onLine(text),
      /* protects: G13 a broker's line is short => Number.POSITIVE_INFINITY */ MAX_BROKER_LINE_BYTES,
    );
    incoming.on('data', (chunk) => {
      this.#receivedBytes += chunk.length;
      if (!reader.push(chunk)) incoming.destroy();
    });
    for (const stream of [incoming, outgoing]) stream.on('error', () => stream.destroy());
  }

  /** How much has come so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Resolves when nothing more is read. */
  get closed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#incoming.closed) resolve();
      else this.#incoming.once('close', () => resolve());
    });
  }

  send(line: SupervisorLine): void {
    if (!this.#outgoing.writable) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    // Rules may be long. The supervisor sends them on its own, one plugin's at a time.
    const counted = line.type === 'plugin' ? 0 : bytes.length;
    this.#unread += counted;
    this.#outgoing.write(bytes, () => {
      this.#unread -= counted;
    });
    // protects: G13 a broker that leaves lines unread is ended
    if (this.#unread > UNREAD_LINES_BYTES) this.#onUnread();
  }

  nextId(): number {
    this.#id += 1;
    return this.#id;
  }

  /** Waits for the first line for which `pick` returns a value. @throws PosternError `broker_failed` after the time */
  expect<T>(pick: (line: BrokerLine) => T | undefined, milliseconds: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.off('line', onLine);
        finish();
      };
      const onLine = (line: BrokerLine): void => {
        try {
          const found = pick(line);
          if (found !== undefined) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const late = new PosternError(
        'broker_failed',
        `The broker gave no answer within ${milliseconds / 1000} s`,
      );
      const timer = setTimeout(() => settle(() => reject(late)), milliseconds);
      this.on('line', onLine);
    });
  }

  end(): void {
    this.#outgoing.end();
  }

  /** Reads what is left of a broker that has ended. Nothing else should hold the other end; if something does, it has little time. */
  closeSoon(): void {
    this.#outgoing.destroy();
    const timer = setTimeout(() => this.#incoming.destroy(), LAST_WORDS_MS);
    this.#incoming.once('close', () => clearTimeout(timer));
  }

  #onLine(text: string): void {
    const line = readBrokerLine(text);
    if (line !== undefined) this.emit('line', line);
  }
}

// The error for a missing broker.

/** @param errno of the system call that failed, where one did */
export function brokerFailed(why: string, fix?: string, errno?: string): PosternError {
  return new PosternError('broker_failed', `The broker does not run: ${why}`, { fix, fields: { errno } });
}

// The lines that a broker may send, each with its shape. A broker that was taken over must not bring this process down: a line of another form is
// dropped. A text that is too long is none, and is not cut: a part of a text keeps the whole in memory.

type LineType = BrokerLine['type'];
type Line<T extends LineType> = Extract<BrokerLine, { readonly type: T }>;

/** Characters of a version, of a host, and of the name of a program. */
const MOST_VERSION = 64;
const MOST_HOST = 256;
const MOST_PROGRAM = 64;
const MOST_PORT = 65_535;

const kept = text(KEPT_TEXT);

const connection = fields<OpenConnection>({
  decision_id: orNull(kept),
  plugin: kept,
  pid: orNull(count()),
  program: orNull(kept),
  host: orNull(kept),
  port: orNull(count(MOST_PORT)),
  dialed: kept,
  rule: orNull(kept),
  door: orNull(word(DOORS)),
  age_ms: count(),
  sent_bytes: orNull(count()),
  received_bytes: orNull(count()),
  rtt_ms: orNull(refined(number, (value) => (value >= 0 ? value : NONE))),
});

const usage = fields<PluginUsage>({
  plugin: kept,
  connections: count(),
  connects: count(),
  denials: count(),
  sent_bytes: count(),
  received_bytes: count(),
  waiting: count(),
});

const explanation = fields<Explanation>({
  decision: word(DECISIONS),
  reason: word(REASONS),
  rule: orNull(kept),
  host: kept,
  port: number,
  message: kept,
  suggestion: orNull(kept),
  name_suggestion: orNull(kept),
  addresses: list(
    fields<ExplainedAddress>({
      address: kept,
      class: word(ADDRESS_CLASSES),
      fate: word(['dialed', 'inside', ...REASONS] as const),
      rule: orNull(kept),
    }),
  ),
  way: orNull(fields<ExplainedWay>({ via: orNull(kept), tunnel: orNull(kept), rule: orNull(kept) })),
});

/** A grant of a retiring broker's DNS allows nothing by itself, and the next broker asks DNS before it counts. */
const givenName: Shape<GivenName> = refined(
  fields<GivenName>({ address: text(), name: text(), standsFor: yesOrNo }),
  (given) =>
    parseAddress(given.address)?.text === given.address && parseName(given.name) === given.name
      ? given
      : NONE,
);
/** Of too many names the first count, and one of another form does not. */
const givenNames: Shape<readonly GivenName[]> = (value) =>
  Array.isArray(value)
    ? value.slice(0, GIVEN_NAMES_A_LINE).flatMap((one) => {
        const name = givenName(one);
        return name === NONE ? [] : [name];
      })
    : NONE;

/** `http` is a form of the table too, and the supervisor alone writes it: only a gateway knows what a request was. */
const brokerEvent: Shape<AuditEvent> = (value) => {
  const event = readAuditEvent(value);
  // protects: G13 a broker writes no request of a gateway => return event ?? NONE;
  return event === undefined || event.event === 'http' ? NONE : event;
};

const LINES: { readonly [T in LineType]: Fields<Omit<Line<T>, 'type'>> } = {
  ready: { link: number, version: text(MOST_VERSION) },
  failed: { message: kept, fix: orMissing(kept) },
  retired: { unanswered: list(number) },
  given_names: { session: number, names: givenNames },
  plugin_ready: { plugin: text(), policyHash: text() },
  plugin_refused: { plugin: text(), problems: list(kept, TOLD_PROBLEMS) },
  audit: { line: brokerEvent },
  metrics: { id: number, text: text(), last: yesOrNo },
  connections: { id: number, connections: list(connection, LISTED_AT_ONCE), more: count(), last: yesOrNo },
  usage: { id: number, plugins: list(usage, USAGE_AT_ONCE), last: yesOrNo },
  connection_ended: { id: number, found: yesOrNo },
  pong: { id: number },
  explained: { id: number, explanation },
  session_ended: { session: number },
  trap_ended: { session: number },
  left_ended: { left: number },
  channel_wanted: { plugin: text(), session: number, id: number },
  asked: {
    plugin: text(),
    id: number,
    host: text(MOST_HOST),
    port: number,
    address: orNull(text()),
    door: word(ASK_DOORS),
    pid: orNull(number),
    program: orNull(text(MOST_PROGRAM)),
  },
  ask_taken: { plugin: text(), host: text(MOST_HOST), port: number },
  ask_ended: { plugin: text(), id: number },
};

const lineType = fields<{ readonly type: LineType }>({ type: word(Object.keys(LINES) as LineType[]) });

const anyLine: Shape<BrokerLine> = (value) => {
  const line = lineType(value);
  if (line === NONE) return NONE;
  const { type } = line;
  // protects: G13 a broker's line that is of no known form is none => const read = value;
  const read = fields<object>(LINES[type] as Fields<object>)(value);
  // The table has the shape of each type. The compiler cannot follow that through a type that it does not know.
  return read === NONE ? NONE : ({ type, ...read } as BrokerLine);
};

/** @returns undefined for a line that no broker of postern writes */
export function readBrokerLine(json: string): BrokerLine | undefined {
  const line = parsed(json, anyLine);
  return line === NONE ? undefined : line;
}
