// What every Node of postern's is started with, so that none ever opens its debugger: anyone on the host could steer it there.

/**
 * Where the debugger listens once SIGUSR1 asks for it. A link-local address without an interface is bound by no kernel (EINVAL,
 * whatever net.ipv6.ip_nonlocal_bind says), and looked up by no resolver.
 */
export const UNBINDABLE_DEBUGGER = '--inspect-port=[fe80::1]:9229';

/** Node 22.14 and newer: SIGUSR1 stays blocked from Node's first instructions on. */
const NO_DEBUGGER = '--disable-sigusr1';

/** Words between Node and the program, for a Node of this version. */
export function nodeFlags(): readonly string[] {
  const known = process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER);
  return [UNBINDABLE_DEBUGGER, ...(known ? [NO_DEBUGGER] : [])];
}
