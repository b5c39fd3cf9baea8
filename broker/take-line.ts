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
  plugin: ({ plugins }, line) => plugins.configure(line),
  forget: ({ plugins }, { plugin, left }) => plugins.forget(plugin, left),
  ask_answered: ({ plugins }, line) => plugins.askAnswered(line),
  session_dropped: ({ plugins }, { session }) => plugins.channels.dropped(session),
  channel_refused: ({ plugins }, { id }) => plugins.channels.refused(id),
  limited: ({ plugins }, line) => plugins.limited(line),
  audit_room: ({ plugins }, { room }) => plugins.auditRoom(room),
  audit_dropped: ({ metrics }, { events }) => metrics.count('auditEventsDropped', {}, events),
  order_done: ({ plugins }, line) => plugins.traps.orderDone(line),
  plugin_order_done: ({ plugins }, line) => plugins.orders.done(line, line.result),
  explain: ({ plugins }, line) => void plugins.explain(line),
  metrics: ({ plugins }, { id }) => void plugins.reportMetrics(id),
  connections: ({ plugins }, line) => plugins.lists.answer(line),
  end_connection: ({ plugins }, line) => void plugins.endConnection(line),
  tell_refusals: ({ plugins }, { plugin }) => plugins.traps.tellRefusals(plugin),
  usage: ({ plugins }, { id }) => void plugins.reportUsage(id),
  retire: ({ plugins, link }, { id }) => void retire(plugins, link, id, () => process.exit(0)),
  given_names: ({ plugins }, line) => plugins.traps.keepNames(line),
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
