// Reads the arguments of net.Socket's connect(), in any of its forms. Runs in the plugin.

/** The options that postern reads; a program may pass others too. */
export interface ConnectArguments {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly path?: string | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
}

export interface ConnectCall {
  readonly options: ConnectArguments;
  readonly callback: (() => void) | undefined;
}

/**
 * Reads `(options[, callback])`, `(port[, host][, callback])`, `(path[, callback])`, and the array of options and callback
 * that net.connect() passes on.
 */
export function connectArguments(args: readonly unknown[]): ConnectCall {
  const [first, second] = args;
  if (Array.isArray(first)) return connectArguments(first);
  const callback = args.findLast((value) => typeof value === 'function') as (() => void) | undefined;
  if (typeof first === 'object' && first !== null) return { options: first, callback };
  if (typeof first === 'string' && !(Number(first) >= 0)) return { options: { path: first }, callback };
  const port = first as number | string | undefined;
  return { options: typeof second === 'string' ? { port, host: second } : { port }, callback };
}
