// Parses a line of the broker into an owned value. Runs in the supervisor, which a broker that was taken over must not bring
// down: a line of unknown form is dropped.

import { readAuditEvent } from '../../../shared/protocol/audit-events.js';
import type {
  BrokerLine,
  ExplainedAddress,
  ExplainedWay,
  Explanation,
} from '../../../shared/protocol/link.js';
import { ADDRESS_CLASSES, DECISIONS, REASONS } from '../../../shared/reasons.js';
import { readAskLine } from './read-ask-line.js';
import { readConnectionsLine } from './read-connections-line.js';
import { readGivenNames } from './read-given-names.js';
import { readUsageLine } from './read-usage-line.js';

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
