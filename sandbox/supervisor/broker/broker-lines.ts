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
  MAX_LINK_LINE_BYTES,
  MIN_GRANT_MS,
  UNREAD_LINES_BYTES,
  USAGE_AT_ONCE,
} from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseName } from '../../../shared/policy/parse-host.js';
import { readAuditEvent } from '../../../shared/protocol/audit-events.js';
import {
  ASK_DOORS,
  type BrokerLine,
  type ExplainedAddress,
  type ExplainedWay,
  type Explanation,
  type GivenName,
  type GivenNamesLine,
  type SupervisorLine,
} from '../../../shared/protocol/link.js';
import type { OpenConnection, PluginUsage } from '../../../shared/protocol/open-connections.js';
import { ADDRESS_CLASSES, DECISIONS, REASONS, WAYS_OUT } from '../../../shared/reasons.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';

// The supervisor's end of the line stream to the broker: one JSON object per line, in both directions.

/** @param socket a stream socket to a broker, owned from here on */
export function linesOver(socket: OwnedFd, onUnread: () => void): BrokerLines {
  // Each way has a stream of its own: one that cannot write to a dead broker would not read either what that wrote last.
  const outgoing = new Socket({ fd: duplicate(socket.number).release(), readable: false, writable: true });
  const incoming = new Socket({ fd: socket.release(), readable: true, writable: false });
  return new BrokerLines(incoming, onUnread, outgoing);
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
  constructor(incoming: Socket, onUnread: () => void = () => {}, outgoing: Socket = incoming) {
    super();
    this.#onUnread = onUnread;
    this.setMaxListeners(0);
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    const reader = new LineReader((text) => this.#onLine(text), MAX_LINK_LINE_BYTES);
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

// Parses a line of the broker into an owned value. Runs in the supervisor, which a broker that was taken over must not bring
// down: a line of unknown form is dropped.

/** Characters of a version. */
const MOST_VERSION = 64;

type Fields = Readonly<Record<string, unknown>>;

/** @returns undefined for a line that no broker of postern writes */
export function readBrokerLine(text: string): BrokerLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? readLine(value) : undefined;
  } catch {
    return undefined;
  }
}

function readLine(line: Fields): BrokerLine | undefined {
  const { type, plugin, id, session, text, last, problems, policyHash, explanation, unanswered } = line;
  switch (type) {
    case 'ready':
      return readReady(line);
    case 'failed':
      return readFailed(line);
    case 'retired':
      return isNumbers(unanswered) ? { type, unanswered } : undefined;
    case 'given_names':
      return readGivenNames(line);
    case 'plugin_ready':
      // protects: G13 a broker's line that is of no known form is none => return true ? { type, plugin, policyHash } : undefined;
      return typeof plugin === 'string' && typeof policyHash === 'string'
        ? { type, plugin, policyHash }
        : undefined;
    case 'plugin_refused':
      return typeof plugin === 'string' && isTexts(problems) ? { type, plugin, problems } : undefined;
    case 'audit':
      return readAudit(line);
    case 'metrics':
      return typeof id === 'number' && typeof text === 'string' && typeof last === 'boolean'
        ? { type, id, text, last }
        : undefined;
    case 'connections':
      return readConnectionsLine(line);
    case 'usage':
      return readUsageLine(line);
    case 'pong':
      return typeof id === 'number' ? { type, id } : undefined;
    case 'explained':
      return typeof id === 'number' && isExplanation(explanation) ? { type, id, explanation } : undefined;
    case 'session_ended':
    case 'trap_ended':
      return typeof session === 'number' ? { type, session } : undefined;
    case 'channel_wanted':
      return typeof plugin === 'string' && typeof session === 'number' && typeof id === 'number'
        ? { type, plugin, session, id }
        : undefined;
    default:
      return readAskLine(line);
  }
}

function readReady({ link, version }: Fields): BrokerLine | undefined {
  if (typeof link !== 'number' || typeof version !== 'string') return undefined;
  return { type: 'ready', link, version: version.slice(0, MOST_VERSION) };
}

function readFailed({ message, fix }: Fields): BrokerLine | undefined {
  if (typeof message !== 'string') return undefined;
  return { type: 'failed', message, fix: typeof fix === 'string' ? fix : undefined };
}

function readAudit({ line }: Fields): BrokerLine | undefined {
  const event = readAuditEvent(line);
  return event === undefined ? undefined : { type: 'audit', line: event };
}

function isExplanation(value: unknown): value is Explanation {
  if (!isFields(value)) return false;
  const { decision, reason, rule, host, port, message, suggestion, addresses, way } = value;
  return (
    isOneOf(DECISIONS, decision) &&
    isOneOf(REASONS, reason) &&
    typeof host === 'string' &&
    typeof port === 'number' &&
    typeof message === 'string' &&
    isTextOrNull(rule) &&
    isTextOrNull(suggestion) &&
    Array.isArray(addresses) &&
    addresses.every(isExplainedAddress) &&
    (way === null || isExplainedWay(way))
  );
}

function isExplainedWay(value: unknown): value is ExplainedWay {
  return isFields(value) && [value['via'], value['tunnel'], value['rule']].every(isTextOrNull);
}

function isExplainedAddress(value: unknown): value is ExplainedAddress {
  if (!isFields(value)) return false;
  const { address, class: kind, fate, rule } = value;
  const known =
    isOneOf(ADDRESS_CLASSES, kind) && (fate === 'dialed' || fate === 'inside' || isOneOf(REASONS, fate));
  return known && typeof address === 'string' && isTextOrNull(rule);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isOneOf(words: readonly string[], value: unknown): boolean {
  return words.some((word) => word === value);
}

// Parses a line of the broker about a question of a plugin. Runs in the supervisor, which does not trust the broker.

/** Characters of a host, and of the name of a program. */
const MOST_HOST = 256;
const MOST_PROGRAM = 64;

/** @returns undefined for any other line */
function readAskLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { type, plugin, id, host, port, address, door, pid, program } = line;
  if (typeof plugin !== 'string' || typeof id !== 'number') return undefined;
  if (type === 'ask_ended') return { type, plugin, id };
  const known = ASK_DOORS.find((one) => one === door);
  if (type !== 'asked' || known === undefined || typeof port !== 'number') return undefined;
  if (typeof host !== 'string' || host.length > MOST_HOST) return undefined;
  if ((pid !== null && typeof pid !== 'number') || (program !== null && typeof program !== 'string'))
    return undefined;
  if (address !== null && typeof address !== 'string') return undefined;
  return {
    type,
    plugin,
    id,
    host,
    port,
    address,
    door: known,
    pid,
    program: program?.slice(0, MOST_PROGRAM) ?? null,
  };
}

// Parses a line of the broker with open connections. Runs in the supervisor, which does not trust the broker: each text and number is bounded, and
// so is the number of connections in a line.

const MOST_PORT = 65_535;

/** @returns undefined for a line that no broker of postern writes */
function readConnectionsLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { id, connections, more, last } = line;
  if (typeof id !== 'number' || !isCount(more) || typeof last !== 'boolean') return undefined;
  if (!Array.isArray(connections) || connections.length > LISTED_AT_ONCE) return undefined;
  const read = connections.flatMap((one) => readConnection(one) ?? []);
  if (read.length < connections.length) return undefined;
  return { type: 'connections', id, connections: read, more, last };
}

function readConnection(value: unknown): OpenConnection | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { decision_id, plugin, pid, program, host, port, dialed, rule, age_ms } = fields;
  const { sent_bytes, received_bytes } = fields;
  const door = fields['door'] === null ? null : WAYS_OUT.find((word) => word === fields['door']);
  if (!isText(plugin) || !isText(dialed) || !isCount(age_ms) || door === undefined) return undefined;
  if (
    !isStringOrNull(decision_id) ||
    !isStringOrNull(program) ||
    !isStringOrNull(host) ||
    !isStringOrNull(rule)
  )
    return undefined;
  if (!isCountOrNull(pid) || !isCountOrNull(sent_bytes) || !isCountOrNull(received_bytes)) return undefined;
  if (!isCountOrNull(port) || (port !== null && port > MOST_PORT)) return undefined;
  return {
    ...{ decision_id, plugin, pid, program, host, port, dialed, rule, door, age_ms },
    ...{ sent_bytes, received_bytes },
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= KEPT_TEXT;
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCountOrNull(value: unknown): value is number | null {
  return value === null || isCount(value);
}

// Parses a line of a retiring broker with names that its DNS gave a sandbox. Runs in the supervisor, which does not trust the broker: a grant
// stays fresh for as long as any grant may. It allows nothing by itself.

/** @returns undefined for any other line */
export function readGivenNames(line: Readonly<Record<string, unknown>>): GivenNamesLine | undefined {
  const { type, session, names } = line;
  if (type !== 'given_names' || typeof session !== 'number' || !Array.isArray(names)) return undefined;
  return { type, session, names: names.slice(0, GIVEN_NAMES_A_LINE).flatMap((one) => readName(one) ?? []) };
}

function readName(value: unknown): GivenName | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { address, name, freshMs } = value as Readonly<Record<string, unknown>>;
  if (typeof address !== 'string' || parseAddress(address)?.text !== address) return undefined;
  if (typeof name !== 'string' || parseName(name) !== name) return undefined;
  if (freshMs === null) return { address, name, freshMs };
  if (typeof freshMs !== 'number' || !(freshMs >= 0)) return undefined;
  return {
    address,
    name,
    freshMs: /* protects: G13 a retiring broker makes no grant that lasts => freshMs */ Math.min(
      freshMs,
      MIN_GRANT_MS,
    ),
  };
}

// Parses a line of the broker with what plugins use. Runs in the supervisor, which does not trust the broker: each number is checked, and so is how
// many plugins a line has.

const COUNTS = ['connections', 'connects', 'denials', 'sent_bytes', 'received_bytes', 'waiting'] as const;

/** @returns undefined for a line that no broker of postern writes */
function readUsageLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { id, plugins, last } = line;
  if (typeof id !== 'number' || typeof last !== 'boolean') return undefined;
  if (!Array.isArray(plugins) || plugins.length > USAGE_AT_ONCE) return undefined;
  const read = plugins.flatMap((one) => readUsage(one) ?? []);
  return read.length < plugins.length ? undefined : { type: 'usage', id, plugins: read, last };
}

function readUsage(value: unknown): PluginUsage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { plugin } = fields;
  if (typeof plugin !== 'string' || plugin.length > KEPT_TEXT) return undefined;
  const counts: Partial<Record<(typeof COUNTS)[number], number>> = {};
  for (const name of COUNTS) {
    const count = fields[name];
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) return undefined;
    counts[name] = count;
  }
  return { plugin, ...(counts as Required<typeof counts>) };
}
