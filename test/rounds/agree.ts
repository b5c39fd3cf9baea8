// Compares what the audit log, the metrics and the servers say of a rounds run. Pure.

/** The most bytes that a plugin sends before it takes them back. */
const MOST_EXCHANGED = 4_064;

/** What a server counted. */
export interface Counted {
  readonly port: number;
  readonly connections: number;
  readonly received: number;
  readonly sent: number;
}

export interface Evidence {
  readonly audit: string;
  readonly metrics: string;
  /** Its connections end by themselves. */
  readonly always: Counted;
  /** Its connections are ended by postern. */
  readonly sometimes: Counted;
}

interface Sums {
  connected: number;
  closed: number;
  sent: number;
  received: number;
}

interface Event {
  readonly event: string;
  readonly port?: number;
  readonly outcome?: string;
  readonly sent_bytes?: number;
  readonly received_bytes?: number;
  readonly events?: number;
}

/** @returns what does not agree */
export function disagreements({ audit, metrics, always, sometimes }: Evidence): readonly string[] {
  const { sums, gaps } = readAudit(audit);
  const of = ({ port }: Counted): Sums => sums.get(port) ?? { connected: 0, closed: 0, sent: 0, received: 0 };
  const [kept, cut] = [of(always), of(sometimes)];
  const same = (what: string, one: number, other: number): readonly string[] =>
    one === other ? [] : [`${what}: ${one} and ${other}`];
  const metric = (pattern: RegExp): number =>
    [...metrics.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
  return [
    ...same('events that the audit log misses, and none', gaps, 0),
    ...same('kept connections of the log and the server', kept.connected, always.connections),
    ...same('kept connections that ended, and that the server had', kept.closed, always.connections),
    ...same('bytes sent of the log, and that the server got', kept.sent, always.received),
    ...same('bytes received of the log, and that the server sent', kept.received, always.sent),
    ...same('ended connections of the log and the server', cut.connected, sometimes.connections),
    ...same('ended connections that closed, and that the server had', cut.closed, sometimes.connections),
    ...almost('bytes sent of ended ones, and that the server got', cut.sent, sometimes.received, cut.closed),
    ...almost(
      'bytes received of ended ones, and that the server sent',
      cut.received,
      sometimes.sent,
      cut.closed,
    ),
    ...same(
      'connects of metrics and log',
      metric(/^postern_connects_total\{.*outcome="connected".*\} (\d+)$/gm),
      kept.connected + cut.connected,
    ),
    ...same(
      'bytes sent of metrics and log',
      metric(/^postern_sent_bytes_total\{.*\} (\d+)$/gm),
      kept.sent + cut.sent,
    ),
    ...same(
      'bytes received of metrics and log',
      metric(/^postern_received_bytes_total\{.*\} (\d+)$/gm),
      kept.received + cut.received,
    ),
  ];
}

/** An end cuts one exchange off. Its last bytes arrive, but the acknowledgement finds no connection any more. */
function almost(what: string, logged: number, counted: number, connections: number): readonly string[] {
  const cutOff = counted - logged;
  return cutOff < 0 || cutOff > connections * MOST_EXCHANGED ? [`${what}: ${logged} and ${counted}`] : [];
}

function readAudit(text: string): { readonly sums: ReadonlyMap<number, Sums>; readonly gaps: number } {
  const sums = new Map<number, Sums>();
  let gaps = 0;
  for (const line of text.split('\n').filter(Boolean)) {
    const {
      event,
      port = 0,
      outcome,
      sent_bytes = 0,
      received_bytes = 0,
      events = 0,
    } = JSON.parse(line) as Event;
    if (event === 'gap') gaps += events;
    const sum = sums.get(port) ?? { connected: 0, closed: 0, sent: 0, received: 0 };
    sums.set(port, sum);
    if (event === 'decision' && outcome === 'connected') sum.connected += 1;
    if (event !== 'closed') continue;
    sum.closed += 1;
    sum.sent += sent_bytes;
    sum.received += received_bytes;
  }
  return { sums, gaps };
}
