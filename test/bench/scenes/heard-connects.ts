// Connects of a client that the upstream has heard.
import type { LineProgram } from '../line-program.js';
import type { Upstream } from './upstream.js';

export interface Timing {
  readonly seconds: number;
  /** Of each connect. */
  readonly micros: readonly number[];
}

/** @throws Error if the upstream did not hear each of them */
export async function heardConnects(
  client: LineProgram,
  upstream: Upstream,
  count: number,
  abreast: number,
): Promise<Timing> {
  const before = await upstream.accepted();
  const timing = await client.ask<Timing>(`connects ${count} ${abreast}`);
  const heard = (await upstream.accepted()) - before;
  if (heard !== timing.micros.length)
    throw new Error(`The upstream heard ${heard} of ${timing.micros.length} connects`);
  return timing;
}
