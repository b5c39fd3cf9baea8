// What a socket that takes the place of another takes over from it: options that a program sets before it connects. Runs in the
// broker.
import { readOption, writeOption } from '../../shared/sys/socket-state.js';

interface CarriedOption {
  readonly level: number;
  readonly name: number;
  readonly bytes: number;
  /** The kernel tells twice what was set, socket(7). */
  readonly doubled?: boolean;
}

const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;

/** Options whose value before connect(2) shapes the connection or the calls on it. */
const OPTIONS: readonly CarriedOption[] = [
  { level: SOL_SOCKET, name: 9, bytes: 4 }, // SO_KEEPALIVE
  { level: SOL_SOCKET, name: 7, bytes: 4, doubled: true }, // SO_SNDBUF
  { level: SOL_SOCKET, name: 8, bytes: 4, doubled: true }, // SO_RCVBUF
  { level: SOL_SOCKET, name: 66, bytes: 16 }, // SO_RCVTIMEO_NEW
  { level: SOL_SOCKET, name: 67, bytes: 16 }, // SO_SNDTIMEO_NEW
  { level: IPPROTO_TCP, name: 1, bytes: 4 }, // TCP_NODELAY
  { level: IPPROTO_TCP, name: 18, bytes: 4 }, // TCP_USER_TIMEOUT
];
/** Read only where keep-alive is on. */
const KEEP_ALIVE: readonly CarriedOption[] = [4, 5, 6].map((name) => ({
  level: IPPROTO_TCP,
  name,
  bytes: 4,
}));
const TRAFFIC_CLASS: Readonly<Record<4 | 6, CarriedOption>> = {
  4: { level: IPPROTO_IP, name: 1, bytes: 4 }, // IP_TOS
  6: { level: IPPROTO_IPV6, name: 67, bytes: 4 }, // IPV6_TCLASS
};

const scratch = new Map<number, Uint8Array>([
  [4, new Uint8Array(4)],
  [16, new Uint8Array(16)],
]);
const usual = new Map<string, string>();

/**
 * Copies options to a socket that is not connected yet.
 *
 * @param family of both sockets
 */
export function carryOptions(from: number, to: number, family: 4 | 6): void {
  for (const option of OPTIONS) carry(option, from, to);
  carry(TRAFFIC_CLASS[family], from, to);
  const keepsAlive = scratch.get(4);
  if (keepsAlive === undefined) return;
  readOption(to, SOL_SOCKET, 9, keepsAlive);
  if (keepsAlive[0] !== 0) for (const option of KEEP_ALIVE) carry(option, from, to);
}

function carry({ level, name, bytes, doubled }: CarriedOption, from: number, to: number): void {
  const value = scratch.get(bytes);
  if (value === undefined || readOption(from, level, name, value) < 0) return;
  const key = `${level} ${name}`;
  const text = value.join();
  let expected = usual.get(key);
  if (expected === undefined) {
    // What a fresh socket has is the same for all of them.
    const fresh = new Uint8Array(bytes);
    readOption(to, level, name, fresh);
    expected = fresh.join();
    usual.set(key, expected);
  }
  if (text === expected) return;
  if (doubled === true) {
    const view = new DataView(value.buffer);
    view.setInt32(0, Math.floor(view.getInt32(0, true) / 2), true);
  }
  writeOption(to, level, name, value);
}
