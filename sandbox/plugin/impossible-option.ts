// Refuses options of net.connect() that a connection made outside the sandbox cannot have. Runs in the plugin.
import { PluginError } from './plugin-error.js';

/** A local address, a filter of resolved addresses, a buffer that Node reads into by itself. */
const IMPOSSIBLE = ['localAddress', 'localPort', 'blockList', 'onread'] as const;

/** @returns the error: an ignored option could open what the program thinks is closed */
export function impossibleOption(options: object): PluginError | undefined {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const name = IMPOSSIBLE.find((option) => given[option] !== undefined && given[option] !== null);
  if (name === undefined) return undefined;
  return new PluginError(
    'EINVAL',
    `"${name}" cannot be honoured: the connection is made outside the sandbox`,
    {
      fix: 'Leave it out',
    },
  );
}
