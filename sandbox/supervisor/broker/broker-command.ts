// The command that starts a broker. As root the broker gets its own mount namespace from unshare(1), and makes it read-only before
// it gives its ids up. Node has threads, and could not make a mount namespace for all of them itself.
import { nodeFlags } from '../../../shared/node-flags.js';
import { bundlePath } from '../../../shared/own-files.js';
import { KEEPS_CAPABILITIES } from '../../../shared/protocol/link.js';

/** unshare(1) executes the broker in its own process, so the pid stays. */
const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private', '--'];

/**
 * The broker inherits no variable. This one keeps libuv's file calls off io_uring: Node refuses to change ids while a ring may be
 * in use (CVE-2024-22017).
 */
export const BROKER_ENVIRONMENT: NodeJS.ProcessEnv = { UV_USE_IO_URING: '0' };

/**
 * @param asRoot whether the broker starts with root's capabilities
 * @param options Node's own options, before the program
 */
export function brokerCommand(
  asRoot: boolean,
  options: readonly string[] = [],
): readonly [string, ...string[]] {
  const [program = process.execPath, ...rest] = [
    ...(asRoot ? OWN_MOUNTS : []),
    process.execPath,
    ...nodeFlags(),
    ...options,
    bundlePath('broker'),
    ...(asRoot ? [KEEPS_CAPABILITIES] : []),
  ];
  return [program, ...rest];
}
