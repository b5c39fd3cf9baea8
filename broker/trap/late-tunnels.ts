// Tunnels that took longer than a non-blocking connect(2) may wait. Their handshakes go on, and the program's next connect to the same
// destination gets the tunnel: most programs try again. Runs in the broker. The rules decide that connect before, as each.
import { CONNECT_TIMEOUT_MS, LATE_TUNNELS, TUNNEL_KEPT_MS } from '../../shared/limits.js';
import { isShutForReading } from '../../shared/sys/socket.js';
import { RequestLife } from '../limit/request-life.js';
import type { Way } from '../request/connect-upstream.js';

/** A tunnel that is being made, or that waits for a connect. */
export interface Tunnel {
  /** What it leads to, by which proxy, with what kind of socket. */
  readonly key: string;
  readonly life: RequestLife;
  readonly way: Promise<Way>;
  /** Whether it was begun by an earlier connect. */
  readonly wasLate: boolean;
}

interface Kept {
  readonly tunnel: Tunnel;
  readonly timer: NodeJS.Timeout;
}

/** Of one sandbox. */
export class LateTunnels {
  readonly #kept = new Map<string, Kept>();
  #open = true;

  /** Goes on with the tunnel that there is, or begins one. The caller awaits it, and gives it back if it cannot wait any longer. */
  async begin(key: string, connect: (life: RequestLife) => Promise<Way>): Promise<Tunnel> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      clearTimeout(kept.timer);
      this.#kept.delete(key);
      if (await isUsable(kept.tunnel)) return { ...kept.tunnel, wasLate: true };
      drop(kept.tunnel);
    }
    const life = new RequestLife(CONNECT_TIMEOUT_MS);
    return { key, life, way: connect(life), wasLate: false };
  }

  /** Keeps a tunnel for TUNNEL_KEPT_MS, if there is room. */
  keep(tunnel: Tunnel): void {
    if (
      !this.#open ||
      /* protects: G8 upstream: so many late tunnels are kept and no more */ this.#kept.size >=
        LATE_TUNNELS ||
      this.#kept.has(tunnel.key)
    ) {
      drop(tunnel);
      return;
    }
    const timer = setTimeout(() => {
      this.#kept.delete(tunnel.key);
      drop(tunnel);
    }, TUNNEL_KEPT_MS);
    this.#kept.set(tunnel.key, { tunnel, timer });
  }

  close(): void {
    this.#open = false;
    for (const { tunnel, timer } of this.#kept.values()) {
      clearTimeout(timer);
      drop(tunnel);
    }
    this.#kept.clear();
  }
}

/** One that has failed, or whose peer has ended it meanwhile, is of no use. One that is still being made is. */
async function isUsable({ way }: Tunnel): Promise<boolean> {
  const now = await Promise.race([way, undefined]);
  if (now === undefined) return true;
  const { connection } = now;
  return connection.outcome === 'connected' && !isShutForReading(connection.socket.number);
}

function drop({ life, way }: Tunnel): void {
  life.end('canceled');
  void way.then(({ connection }) => {
    if (connection.outcome === 'connected') connection.socket.close();
  });
}
