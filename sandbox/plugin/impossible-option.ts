// Options of net.connect() that a connection from outside the sandbox cannot have. Runs in the plugin.
import { PluginError } from './plugin-error.js';

/** An address of one's own, a filter of resolved addresses, a buffer that Node reads into by itself. */
const IMPOSSIBLE = ['localAddress', 'localPort', 'blockList', 'onread'] as const;

/** @returns the error to fail with: passing one over could open what the program thinks is closed */
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
