// explain() of postern/plugin. Runs in the plugin, on the main thread.
import type { ExplainReply, ExplainRequest } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Answer, Channel, Inquiry, Verdict } from './channel.js';
import { type Destination, readDestination, type SocketDestination } from './connect-options.js';
import { processChannel } from './open-channel.js';
import { PluginError } from './plugin-error.js';

/** The decision on a destination, as connect() would get it. */
export interface Explanation {
  /** `would_deny`: no rule allows it, but postern runs in audit mode and connects. */
  readonly decision: 'allow' | 'would_deny' | 'deny';
  readonly reason: string;
  /** A sentence where the decision is `deny`. */
  readonly message?: string | undefined;
  /** The rule that would allow it, if there is one. */
  readonly suggestion?: string | undefined;
}

/**
 * Asks the broker for its decision, without connecting. A refusal is a result here, not an error.
 *
 * @example
 * import { explain } from 'postern/plugin';
 *
 * const { decision, reason, suggestion } = await explain({ host: 'api.example.com', port: 8443 });
 * console.log(decision, reason, suggestion); // deny port_not_allowed api.example.com:8443
 *
 * @param destination `host` (a name, or an address as text) and `port`, or `path` of a socket of the host
 * @returns the decision with its reason
 * @throws PosternError as connect() does, except EACCES; TypeError and RangeError as connect() does
 */
export function explain(destination: Destination | SocketDestination): Promise<Explanation> {
  return explainOver(processChannel, destination);
}

/** Asks over the channel that is given. */
export async function explainOver(
  findChannel: () => Channel,
  options: Destination | SocketDestination,
): Promise<Explanation> {
  const destination = readDestination(options);
  const channel = findChannel();
  return new Promise((resolve, reject) => {
    channel.ask(new ExplainInquiry(destination, resolve, reject));
  });
}

class ExplainInquiry implements Inquiry {
  id = -1;
  readonly #destination: Destination;
  readonly #resolve: (explanation: Explanation) => void;
  readonly fail: (error: Error) => void;

  constructor(
    destination: Destination,
    resolve: (explanation: Explanation) => void,
    reject: (error: Error) => void,
  ) {
    this.#destination = destination;
    this.#resolve = resolve;
    this.fail = reject;
  }

  request(): ExplainRequest {
    const { host, port } = this.#destination;
    return { op: 'explain', id: this.id, host, port };
  }

  take(reply: Answer, descriptor: OwnedFd | undefined): Verdict {
    if (descriptor !== undefined) return 'foreign';
    if (reply.ok) {
      if (!isExplanation(reply)) return 'foreign';
      this.#resolve({ decision: reply.decision, reason: reply.reason });
    } else if (reply.errno === 'EACCES') {
      const { reason, message, suggestion } = reply;
      this.#resolve({ decision: 'deny', reason, message, suggestion });
    } else {
      this.fail(PluginError.from(reply));
    }
    return 'over';
  }
}

function isExplanation(reply: Answer): reply is ExplainReply {
  return 'decision' in reply && typeof reply.reason === 'string';
}
