// Flags for every Node process of postern, and for the heap of those that stay.

// It never opens its debugger. Anyone on the host could control it there.

/**
 * Where the debugger would listen after SIGUSR1. No kernel binds a link-local address without an interface (EINVAL, whatever
 * net.ipv6.ip_nonlocal_bind says), and no resolver looks it up.
 */
export const UNBINDABLE_DEBUGGER = '--inspect-port=[fe80::1]:9229';

/** Node 22.14 and newer: SIGUSR1 is blocked from the start. */
const NO_DEBUGGER = '--disable-sigusr1';

/** V8 has four by default. One compiles as soon as it is needed, since it gets only what others leave of the processors, and keeps less memory. */
export const ONE_V8_THREAD = '--v8-pool-size=1';

/** Arguments between Node and the program, for this version of Node. */
export function nodeFlags(): readonly string[] {
  const known = process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER);
  return [
    UNBINDABLE_DEBUGGER,
    /* protects: G19 debugger: an early SIGUSR1 finds an address that nobody can bind, in the broker => '--inspect-port=127.0.0.1:9229' */ ...(known
      ? [NO_DEBUGGER]
      : []),
    ONE_V8_THREAD,
  ];
}

// For setFlagsFromString(), in supervisor and broker. On Node's command line they would make V8 reject the code that Node was built with: then Node compiles
// its own modules anew, in each thread too, and a start takes 27 ms of processor time more.

/** V8 doubles the young heap up to 16 MiB, threefold, and an idle process keeps what it has grown to. */
export const SMALL_YOUNG_HEAP =
  /* protects: G8 broker: its memory stays small after many connects => '--semi-space-growth-factor=2' */ '--semi-space-growth-factor=1';

/**
 * A small young heap is collected sooner than other threads are told of it. Nothing about marking may be changed: another thread of the process may mark
 * its own heap meanwhile, and V8 would abort.
 */
export const COLLECTS_ALONE = '--no-parallel-scavenge';
