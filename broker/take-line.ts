// Every line that the supervisor may send, and when it may come. Runs in the broker. A line out of turn ends the broker, by an exception.
import { PosternError } from '../shared/errors.js';
import type { SupervisorLine } from '../shared/protocol/link.js';
import type { LineLink } from './line-link.js';
import type { Plugins } from './plugins.js';
import type { Metrics } from './record/metrics.js';
import { retire } from './retire.js';

type LineType = SupervisorLine['type'];
export type Line<T extends LineType> = SupervisorLine & { readonly type: T };

/** The parts of a broker that serves. */
export interface Serving {
  readonly plugins: Plugins;
  readonly metrics: Metrics;
  readonly link: LineLink;
}

/** What takes each line of a broker that serves. `start` comes first, and once. */
const LINES: {
  readonly [T in Exclude<LineType, 'start'>]: (serving: Serving, line: Line<T>) => void;
} = {
  plugin: ({ plugins: sessions }, line) => sessions.configure(line),
  forget: ({ plugins: sessions }, { plugin, left }) => sessions.forget(plugin, left),
  ask_answered: ({ plugins: sessions }, line) => sessions.askAnswered(line),
  session_dropped: ({ plugins: sessions }, { session }) => sessions.channels.dropped(session),
  channel_refused: ({ plugins: sessions }, { id }) => sessions.channels.refused(id),
  limited: ({ plugins: sessions }, line) => sessions.limited(line),
  audit_room: ({ plugins: sessions }, { room }) => sessions.auditRoom(room),
  audit_dropped: ({ metrics }, { events }) => metrics.count('auditEventsDropped', {}, events),
  order_done: ({ plugins: sessions }, line) => sessions.traps.orderDone(line),
  plugin_order_done: ({ plugins: sessions }, line) => sessions.orders.done(line, line.result),
  explain: ({ plugins: sessions }, line) => void sessions.explain(line),
  metrics: ({ plugins: sessions }, { id }) => void sessions.reportMetrics(id),
  connections: ({ plugins: sessions }, line) => sessions.lists.answer(line),
  end_connection: ({ plugins: sessions }, line) => void sessions.endConnection(line),
  tell_refusals: ({ plugins: sessions }, { plugin }) => sessions.traps.tellRefusals(plugin),
  usage: ({ plugins: sessions }, { id }) => void sessions.reportUsage(id),
  retire: ({ plugins: sessions, link }, { id }) => void retire(sessions, link, id, () => process.exit(0)),
  given_names: ({ plugins: sessions }, line) => sessions.traps.keepNames(line),
  ping: ({ link }, { id }) => link.send({ type: 'pong', id }),
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
  if (line.type === 'start') {
    if (serving !== undefined) throw new PosternError('link', `A second "${line.type}"`);
    start(line);
    return;
  }
  // The entry belongs to this line's type. The compiler cannot follow that through the table.
  const take = LINES[line.type] as ((serving: Serving, line: SupervisorLine) => void) | undefined;
  if (take === undefined) throw new PosternError('link', `No line of the link is "${line.type}"`);
  if (serving === undefined) throw new PosternError('link', `The link begins with "${line.type}"`);
  take(serving, line);
}
