// The system calls that a plugin's filter reports to the broker (seccomp_unotify(2)), in one table. The filter, the
// broker's handlers and the metrics come from it. ARCHITECTURE.md says when each is reported.

/** Each with its number. arm64 has no chmod. */
const TABLE = {
  connect: { kind: 'address', x64: 42, arm64: 203 },
  bind: { kind: 'address', x64: 49, arm64: 200 },
  listen: { kind: 'address', x64: 50, arm64: 201 },
  setsockopt: { kind: 'option', x64: 54, arm64: 208 },
  ioctl: { kind: 'request', x64: 16, arm64: 29 },
  chmod: { kind: 'mode', x64: 90, arm64: undefined },
  fchmod: { kind: 'mode', x64: 91, arm64: 52 },
  fchmodat: { kind: 'mode', x64: 268, arm64: 53 },
  fchmodat2: { kind: 'mode', x64: 452, arm64: 452 },
  recvfrom: { kind: 'queue', x64: 45, arm64: 207 },
  recvmsg: { kind: 'queue', x64: 47, arm64: 212 },
  recvmmsg: { kind: 'queue', x64: 299, arm64: 243 },
  socketpair: { kind: 'pair', x64: 53, arm64: 199 },
  socket: { kind: 'socket', x64: 41, arm64: 198 },
} as const;

/** What a call is about. */
type TrapKind = (typeof TABLE)[TrapCall]['kind'];

export type TrapCall = keyof typeof TABLE;
type CallOf<K extends TrapKind> = {
  [Call in TrapCall]: (typeof TABLE)[Call]['kind'] extends K ? Call : never;
}[TrapCall];

/** The calls of which the filter reports every one. */
export type WhollyTrapped = CallOf<'address'>;
/** The calls that set a mode. */
export type ModeCall = CallOf<'mode'>;

/** In the order of the table. */
export const TRAP_CALLS: readonly TrapCall[] = Object.keys(TABLE) as TrapCall[];

function callsOf<K extends TrapKind>(kind: K): readonly CallOf<K>[] {
  return TRAP_CALLS.filter((call): call is CallOf<K> => TABLE[call].kind === kind);
}

export const WHOLLY_TRAPPED: readonly WhollyTrapped[] = callsOf('address');
export const MODE_CALLS: readonly ModeCall[] = callsOf('mode');

const BY_NUMBER: ReadonlyMap<number | undefined, TrapCall> = new Map(
  TRAP_CALLS.map((call) => [process.arch === 'arm64' ? TABLE[call].arm64 : TABLE[call].x64, call]),
);

/** The call with a number; undefined if the filter does not report it. */
export function trapCall(number: number): TrapCall | undefined {
  return BY_NUMBER.get(number);
}
