// A non-blocking connect that was handed over before it was settled: how it ends is looked at on a duplicate, for the account
// alone, which is closed then. Runs in the broker.
import { CONNECT_TIMEOUT_MS, SETTLING_CONNECTS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import type { Outcome } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { writableNow } from '../../shared/sys/socket.js';
import { TCP_STATE, tcpState } from '../../shared/sys/socket-state.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { Ending } from '../request/account.js';
import type { TrapContext } from './trap-context.js';

export class SettlingConnect {
  readonly #context: TrapContext;
  readonly #socket: OwnedFd;
  readonly #address: Address;
  readonly #startedAt: number;
  /** Made before the socket is the plugin's: a watch sets O_NONBLOCK, which is set here anyway. */
  readonly #watch: Watch;
  #onReady: () => void = () => {};
  #canceled = false;

  /**
   * @param context counts what settles at the moment: past SETTLING_CONNECTS no duplicate is kept
   * @param socket owned from here on; the plugin gets its own duplicate
   */
  constructor(context: TrapContext, socket: OwnedFd, address: Address, startedAt: number) {
    this.#context = context;
    this.#socket = socket;
    this.#address = address;
    this.#startedAt = startedAt;
    this.#watch = new Watch(socket.number, () => this.#onReady());
    context.settling.add(this);
  }

  /** Waits for the end, CONNECT_TIMEOUT_MS at most, and lets go of the socket. */
  async end(): Promise<Ending> {
    const { services, plugin, settling } = this.#context;
    if (!writableNow(this.#socket.number) && settling.size <= SETTLING_CONNECTS) await this.#ready();
    // The plugin has it too by now, and can hold its lock.
    const outcome = services.guard.watch(plugin.stall, () => {
      const found = outcomeNow(this.#socket, this.#canceled ? 'canceled' : 'timeout');
      this.close();
      return found;
    });
    return { outcome, dialed: this.#address.text, connectMs: performance.now() - this.#startedAt };
  }

  /** Waits no longer: the sandbox has ended. */
  cancel(): void {
    this.#canceled = true;
    this.#onReady();
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
    this.#context.settling.delete(this);
  }

  #ready(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CONNECT_TIMEOUT_MS);
      this.#onReady = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#watch.want(WRITABLE);
    });
  }
}

/** The error itself is the plugin's to take, once: what is left to see is whether anything answered. */
function outcomeNow(socket: OwnedFd, unsettled: 'canceled' | 'timeout'): Outcome {
  if (!writableNow(socket.number)) return unsettled;
  return tcpState(socket.number) === TCP_STATE.CLOSE ? 'refused' : 'connected';
}
