// The numbers of the calls that the filter of a plugin reports, on this machine. Runs in the broker and the supervisor.
import type { TrapCall } from '../reasons.js';

/** arm64 has no chmod. */
const NUMBERS: Readonly<Partial<Record<TrapCall, number>>> =
  process.arch === 'arm64'
    ? {
        connect: 203,
        bind: 200,
        listen: 201,
        setsockopt: 208,
        ioctl: 29,
        fchmod: 52,
        fchmodat: 53,
        fchmodat2: 452,
        recvfrom: 207,
        recvmsg: 212,
        recvmmsg: 243,
        socketpair: 199,
        socket: 198,
      }
    : {
        connect: 42,
        bind: 49,
        listen: 50,
        setsockopt: 54,
        ioctl: 16,
        chmod: 90,
        fchmod: 91,
        fchmodat: 268,
        fchmodat2: 452,
        recvfrom: 45,
        recvmsg: 47,
        recvmmsg: 299,
        socketpair: 53,
        socket: 41,
      };

const byNumber = new Map<number, TrapCall>(
  Object.entries(NUMBERS).map(([call, number]) => [number, call as TrapCall]),
);

/** The call with a number; undefined if the filter does not report it. */
export function trapCall(number: number): TrapCall | undefined {
  return byNumber.get(number);
}
