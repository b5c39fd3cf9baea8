// The descriptors that a plugin was sent by a reply socket and has not received. The kernel counts them for the broker's uid, and past
// RLIMIT_NOFILE it takes no more from that uid (ETOOMANYREFS, unix(7)). So the plugin's share holds them. Runs in the broker.
import { UNRECEIVED_LOOK_MS, UNRECEIVED_MOST_LOOK_MS } from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { unreadBytes } from '../../shared/sys/socket.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';

/** The kernel counts a message with struct sk_buff and struct skb_shared_info, which take more than this. */
const LEAST_MESSAGE_BYTES = 512;

/** No event says that the plugin has received something. So it is looked at after each descriptor, and then ever less often. */
export class Unreceived {
  readonly #socket: OwnedFd;
  readonly #share: Pick<DescriptorShare, 'change'>;
  #held = 0;
  #pauseMs = UNRECEIVED_LOOK_MS;
  #timer: NodeJS.Timeout | undefined;
  #onReceived: (() => void) | undefined;

  /** @param socket open until everything was received. Each message there may have a descriptor of a former broker. */
  constructor(socket: OwnedFd, share: Pick<DescriptorShare, 'change'>) {
    this.#socket = socket;
    this.#share = share;
    // protects: G8 sockets that a former broker sent count for the share too
    this.#hold(this.#mostMessages());
    this.#lookLater();
  }

  /** A descriptor was sent. */
  sent(): void {
    this.#hold(Math.min(this.#held + 1, this.#mostMessages()));
    this.#pauseMs = UNRECEIVED_LOOK_MS;
    this.#lookLater();
  }

  /** Nothing more is sent. Calls back once nothing waits to be received: it was received, or no process has the plugin's end any more. */
  whenReceived(callback: () => void): void {
    this.#onReceived = callback;
    this.#pauseMs = UNRECEIVED_LOOK_MS;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#look();
  }

  #look(): void {
    this.#hold(Math.min(this.#held, this.#mostMessages()));
    this.#lookLater();
    if (this.#held > 0 || this.#onReceived === undefined) return;
    const callback = this.#onReceived;
    this.#onReceived = undefined;
    callback();
  }

  #lookLater(): void {
    if (this.#held === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, UNRECEIVED_MOST_LOOK_MS);
  }

  /** How many messages wait at most. */
  #mostMessages(): number {
    return Math.floor(unreadBytes(this.#socket.number) / LEAST_MESSAGE_BYTES);
  }

  #hold(count: number): void {
    if (count !== this.#held) this.#share.change(count - this.#held);
    this.#held = count;
  }
}
