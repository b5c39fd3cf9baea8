// Flags for every Node process of postern, so that it never opens its debugger. Anyone on the host could control it there.

/**
 * Where the debugger would listen after SIGUSR1. No kernel binds a link-local address without an interface (EINVAL, whatever
 * net.ipv6.ip_nonlocal_bind says), and no resolver looks it up.
 */
export const UNBINDABLE_DEBUGGER = '--inspect-port=[fe80::1]:9229';

/** Node 22.14 and newer: SIGUSR1 is blocked from the start. */
const NO_DEBUGGER = '--disable-sigusr1';

/** Arguments between Node and the program, for this version of Node. */
export function nodeFlags(): readonly string[] {
  const known = process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER);
  return [
    UNBINDABLE_DEBUGGER,
    /* protects: G19 debugger: an early SIGUSR1 finds an address that nobody can bind, in the broker => '--inspect-port=127.0.0.1:9229' */ ...(known
      ? [NO_DEBUGGER]
      : []),
  ];
}
