// Who connects the AF_UNIX sockets of a sandbox. As an ordinary user, broker and plugin have one uid, and the broker does it. As root they
// have different ones, and a socket's file would not let the broker in: a thread of the supervisor does it, see supervised-orders.ts.
import { connectInside, type UnixPlace, type UnixTarget } from '../../shared/sys/connect-inside.js';

/** @param done takes 0, minus errno, or `host` for a socket that was not bound in the sandbox */
export type ConnectUnix = (fd: number, target: UnixTarget, done: (result: number | 'host') => void) => void;

export function connectsHere(place: UnixPlace): ConnectUnix {
  return (fd, target, done) => done(connectInside(place, fd, target));
}
