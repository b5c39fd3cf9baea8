// What one client of the control socket watches: `watch` and `unwatch`, and the notifications. Runs in the supervisor.
import * as z from 'zod';
import { CONTROL_LEAST_INTERVAL_MS, CONTROL_WATCHES } from '../../../shared/limits.js';
import { type Method, read, type Watching } from './methods.js';
import { RpcError } from './rpc.js';

const WATCH = z.strictObject({
  method: z.string().max(64),
  params: z.record(z.string(), z.unknown()).default({}),
  interval_ms: z.int().min(CONTROL_LEAST_INTERVAL_MS).max(3_600_000).default(2_000),
});
const UNWATCH = z.strictObject({ watch: z.int() });

export interface WatchOutput {
  /** Whether the client takes what is sent. */
  readonly hasRoom: () => boolean;
  readonly send: (notification: unknown) => void;
}

export class Watches {
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #output: WatchOutput;
  readonly #ends = new Map<number, () => void>();
  #number = 0;

  constructor(methods: ReadonlyMap<string, Method>, output: WatchOutput) {
    this.#methods = methods;
    this.#output = output;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** @throws RpcError `params`, `failed`; PosternError as the method does */
  async begin(params: unknown): Promise<{ readonly watch: number; readonly now: unknown }> {
    const { method, params: asked, interval_ms: interval } = read(WATCH, params);
    const { call, watching } = this.#methods.get(method) ?? {};
    if (call === undefined || watching === undefined)
      throw new RpcError('params', `Nothing to watch: "${method}"`);
    if (this.#ends.size >= CONTROL_WATCHES)
      throw new RpcError('failed', `A client has ${CONTROL_WATCHES} watches at most; end one`);
    this.#number += 1;
    const watch = this.#number;
    // Nothing happens between the answer and the begin, so no event is lost and none comes twice.
    const now = watching.kind === 'events' && watching.now !== undefined ? watching.now(asked) : call(asked);
    if (watching.kind === 'events') this.#ends.set(watch, this.#tell(watch, watching, asked));
    else
      this.#ends.set(
        watch,
        this.#report(watch, () => call(asked), interval),
      );
    try {
      return { watch, now: await now };
    } catch (error) {
      this.end({ watch });
      throw error;
    }
  }

  #tell(watch: number, { begin }: Watching & { readonly kind: 'events' }, asked: unknown): () => void {
    let missed = 0;
    return begin(asked, (event) => {
      if (!this.#output.hasRoom()) missed += 1;
      else {
        this.#notify(watch, { event, ...(missed === 0 ? {} : { missed }) });
        missed = 0;
      }
    });
  }

  /** @throws RpcError `params` */
  end(params: unknown): { readonly watch: number } {
    const { watch } = read(UNWATCH, params);
    const end = this.#ends.get(watch);
    if (end === undefined) throw new RpcError('params', `There is no watch ${watch}`);
    this.#ends.delete(watch);
    end();
    return { watch };
  }

  endAll(): void {
    for (const end of this.#ends.values()) end();
    this.#ends.clear();
  }

  /** A client that reads slowly gets fewer reports. */
  #report(watch: number, ask: () => unknown, interval: number): () => void {
    let busy = false;
    const tell = async (): Promise<void> => {
      if (busy || !this.#output.hasRoom()) return;
      busy = true;
      try {
        const state = await ask();
        if (this.#ends.has(watch)) this.#notify(watch, { state });
      } catch {
        // The supervisor ends, or has no broker now. The next report may work.
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(() => void tell(), interval);
    return () => clearInterval(timer);
  }

  #notify(watch: number, news: Readonly<Record<string, unknown>>): void {
    this.#output.send({ jsonrpc: '2.0', method: 'watched', params: { watch, ...news } });
  }
}
