// A non-blocking connect whose socket was placed while it connected. The broker keeps a duplicate until it sees how the connect ends, for
// the account alone. Runs in the broker.
import { CONNECT_TIMEOUT_MS, SETTLING_CONNECTS } from '../../shared/limits.js';
import type { Outcome } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { writableNow } from '../../shared/sys/socket.js';
import { TCP_STATE, tcpState } from '../../shared/sys/socket-state.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import { type Ending, unwatched } from '../request/account.js';
import type { TrapContext } from './trap-context.js';

export class SettlingConnect {
  readonly #context: TrapContext;
  readonly #socket: OwnedFd;
  readonly #endingOf: (outcome: Outcome) => Ending;
  /** Made before the plugin has the socket: a watch sets O_NONBLOCK, which is right for this socket anyway. */
  readonly #watch: Watch;
  #onReady: () => void = () => {};
  #canceled = false;

  /**
   * @param context counts such connects: past SETTLING_CONNECTS no duplicate is kept
   * @param socket owned from here on; the plugin gets its own duplicate
   * @param endingOf called when the connect has ended
   */
  constructor(context: TrapContext, socket: OwnedFd, endingOf: (outcome: Outcome) => Ending) {
    this.#context = context;
    this.#socket = socket;
    this.#endingOf = endingOf;
    this.#watch = new Watch(socket.number, () => this.#onReady());
    context.settling.add(this);
  }

  /** Waits for the end, CONNECT_TIMEOUT_MS at most, and closes the duplicate. */
  async end(): Promise<Ending> {
    const { services, plugin, settling } = this.#context;
    if (!writableNow(this.#socket.number) && settling.size <= SETTLING_CONNECTS) await this.#ready();
    // The plugin has the socket too by now, and can hold its lock.
    const outcome = services.guard.watch(plugin.stall, () => {
      const found = outcomeNow(this.#socket, this.#canceled ? 'canceled' : 'timeout');
      this.close();
      return found;
    });
    const ending = this.#endingOf(outcome);
    return /* protects: G9 the audit log denies no connection that the broker does not watch => false */ outcome ===
      'timeout'
      ? unwatched(ending)
      : ending;
  }

  /** Waits no longer: the sandbox has ended. */
  cancel(): void {
    this.#canceled = true;
    this.#onReady();
  }

  /** Looks no longer: the next broker does not look for it. */
  leave(): void {
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

/** A socket returns its error once, and the plugin must get it. Here only the state shows whether anything answered. */
function outcomeNow(socket: OwnedFd, unsettled: 'canceled' | 'timeout'): Outcome {
  if (!writableNow(socket.number)) return unsettled;
  return tcpState(socket.number) === TCP_STATE.CLOSE ? 'refused' : 'connected';
}
