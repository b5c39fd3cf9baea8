// What a connection has carried so far, as the limits sent_mib and received_mib count it. Runs in the broker.
import type { SocketLook } from '../../shared/sys/socket-diag.js';

/** What connections have carried. */
export interface Carried {
  /** Payload that has left this host, or that a closed socket will still send. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * Nothing ends a closed socket, and the kernel still sends what the program has written. So that counts at once. What an open socket has still to
 * send is dropped when it is ended, so only what has left counts.
 *
 * @param look with the account
 * @returns undefined if the kernel did not say
 */
export function carriedOf(look: SocketLook): Carried | undefined {
  if (look.kind !== 'there' || look.account === undefined) return undefined;
  const { inode, queuedBytes, account } = look;
  const { leftBytes, sentBytes, receivedBytes } = account;
  // Its FIN is queued too.
  const written =
    /* protects: G22 quota: what a closed socket has still to send counts => inode < 0 */ inode === 0
      ? sentBytes + Math.max(0, queuedBytes - 1)
      : 0;
  return {
    sentBytes: Math.max(
      /* protects: G22 quota: bytes that no peer acknowledges count => sentBytes */ leftBytes,
      written,
    ),
    receivedBytes,
  };
}
