// Requests through gateways, summed up by method and path. Pure. A plugin chooses paths, so the sums are bounded.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';

const MOST_SUMS = 1_000;

export interface RequestSum {
  readonly plugin: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  readonly refused: number;
  /** The last one's, of HTTP. */
  readonly status: number;
  readonly slowestMs: number;
  readonly bytes: number;
  /** The rule that would allow it. */
  readonly suggestion: string | undefined;
}

/** Adds an event to the sums. Where they are too many, the one that was used longest ago is left out. */
export function addRequest(sums: Map<string, RequestSum>, event: AuditEvent): void {
  if (event.event !== 'http') return;
  const { plugin, host, method, path, status, decision, duration_ms: ms, suggestion } = event;
  const key = JSON.stringify([plugin, host, method, path]);
  const known = sums.get(key);
  sums.delete(key);
  sums.set(key, {
    ...{ plugin, host, method, path, status, suggestion },
    count: (known?.count ?? 0) + 1,
    refused: (known?.refused ?? 0) + (decision === 'deny' ? 1 : 0),
    slowestMs: Math.max(known?.slowestMs ?? 0, ms),
    bytes: (known?.bytes ?? 0) + event.sent_bytes + event.received_bytes,
  });
  for (const oldest of sums.keys()) if (sums.size > MOST_SUMS) sums.delete(oldest);
}
