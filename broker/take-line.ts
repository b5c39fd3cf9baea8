// Every line that the supervisor may send, and when it may come. Runs in the broker. A line out of turn ends the broker, by an exception.
import { PosternError } from '../shared/errors.js';
import type { SupervisorLine } from '../shared/protocol/link.js';
import type { LineLink } from './line-link.js';
import type { Metrics, MetricsAnswers } from './record/metrics.js';
import { retire, type Sessions } from './sessions.js';

type LineType = SupervisorLine['type'];
export type Line<T extends LineType> = SupervisorLine & { readonly type: T };

/** The parts of a broker that serves. */
export interface Serving {
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly answers: MetricsAnswers;
  readonly link: LineLink;
}

type Entry<T extends LineType> =
  | { readonly when: 'first' }
  | { readonly when: 'serving'; readonly take: (serving: Serving, line: Line<T>) => void };

const LINES: { readonly [T in LineType]: Entry<T> } = {
  start: { when: 'first' },
  plugin: { when: 'serving', take: ({ sessions }, line) => sessions.configure(line) },
  forget: { when: 'serving', take: ({ sessions }, { plugin, left }) => sessions.forget(plugin, left) },
  ask_answered: { when: 'serving', take: ({ sessions }, line) => sessions.askAnswered(line) },
  session_dropped: {
    when: 'serving',
    take: ({ sessions }, { session }) => sessions.channels.dropped(session),
  },
  channel_refused: { when: 'serving', take: ({ sessions }, { id }) => sessions.channels.refused(id) },
  limited: { when: 'serving', take: ({ sessions }, line) => sessions.limited(line) },
  audit_room: { when: 'serving', take: ({ sessions }, { room }) => sessions.auditRoom(room) },
  audit_dropped: {
    when: 'serving',
    take: ({ metrics }, { events }) => metrics.count('auditEventsDropped', {}, events),
  },
  order_done: { when: 'serving', take: ({ sessions }, line) => sessions.traps.orderDone(line) },
  plugin_order_done: {
    when: 'serving',
    take: ({ sessions }, line) => sessions.orders.done(line, line.result),
  },
  explain: { when: 'serving', take: ({ sessions }, line) => void sessions.explain(line) },
  metrics: {
    when: 'serving',
    take: ({ sessions, answers }, { id }) => answers.answer(id, () => sessions.show()),
  },
  connections: { when: 'serving', take: ({ sessions }, line) => sessions.listConnections(line) },
  tell_refusals: { when: 'serving', take: ({ sessions }, { plugin }) => sessions.traps.tellRefusals(plugin) },
  usage: { when: 'serving', take: ({ sessions }, { id }) => sessions.reportUsage(id) },
  retire: {
    when: 'serving',
    take: ({ sessions, link }) => void retire(sessions, link, () => process.exit(0)),
  },
  given_names: { when: 'serving', take: ({ sessions }, line) => sessions.traps.keepNames(line) },
  ping: { when: 'serving', take: ({ link }, { id }) => link.send({ type: 'pong', id }) },
};

/**
 * Does what a line says.
 *
 * @param serving missing until the broker serves
 * @param start takes the first line
 * @throws PosternError `link` for a line out of turn
 */
export function takeLine(
  line: SupervisorLine,
  serving: Serving | undefined,
  start: (line: Line<'start'>) => void,
): void {
  const entry = LINES[line.type] as Entry<typeof line.type> | undefined;
  if (entry === undefined) throw new PosternError('link', `No line of the link is "${line.type}"`);
  if (entry.when === 'first') {
    if (serving !== undefined) throw new PosternError('link', `A second "${line.type}"`);
    start(line as Line<'start'>);
    return;
  }
  if (serving === undefined) throw new PosternError('link', `The link begins with "${line.type}"`);
  // The entry belongs to this line's type. The compiler cannot follow that through the table.
  (entry.take as (serving: Serving, line: SupervisorLine) => void)(serving, line);
}
