// Socket options that shape a connection, and that few programs set. The trap's filter reports their setsockopt(2), so the broker reads them
// from a plugin's socket only if some socket of the sandbox has them. An option that programs set again and again, such as TCP_CORK, is not here:
// each report costs a program some microseconds. Runs in the launcher and the broker.
import { IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SO_LINGER, SOL_SOCKET } from './socket-constants.js';

export interface RareOption {
  readonly level: number;
  readonly name: number;
  /** The size of its value. */
  readonly bytes: number;
}

const ints = (level: number, names: readonly number[]): readonly RareOption[] =>
  names.map((name) => ({ level, name, bytes: 4 }));

export const RARE_OPTIONS: Readonly<Record<'both' | 4 | 6, readonly RareOption[]>> = {
  both: [
    ...ints(SOL_SOCKET, [10]), // SO_OOBINLINE
    { level: SOL_SOCKET, name: SO_LINGER, bytes: 8 },
    ...ints(IPPROTO_TCP, [7, 18, 25, 36]), // TCP_SYNCNT, USER_TIMEOUT, NOTSENT_LOWAT, INQ
    { level: IPPROTO_TCP, name: 13, bytes: 16 }, // TCP_CONGESTION
  ],
  4: ints(IPPROTO_IP, [1, 2, 10]), // IP_TOS, IP_TTL, IP_MTU_DISCOVER
  6: ints(IPPROTO_IPV6, [67, 16, 23]), // IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER
};

/** Those that the kernel sets itself: all but SO_LINGER, whose value the broker must see. */
export const RARE_BY_ARGUMENTS: readonly RareOption[] = Object.values(RARE_OPTIONS)
  .flat()
  .filter(({ level, name }) => level !== SOL_SOCKET || name !== SO_LINGER);
