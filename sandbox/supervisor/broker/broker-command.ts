// How a broker is started. As root it gets a mount namespace of its own, which it makes read-only before it gives its ids up: a
// process with threads, as Node is, could not make one for all of them.
import { nodeFlags } from '../../../shared/node-flags.js';
import { bundlePath } from '../../../shared/own-files.js';
import { KEEPS_CAPABILITIES } from '../../../shared/protocol/link.js';

/** unshare(1) becomes what it starts: the pid stays. */
const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private', '--'];

/**
 * The broker inherits no variable. This one keeps libuv's file calls off io_uring: Node refuses to change ids while a ring could be in
 * use (CVE-2024-22017).
 */
export const BROKER_ENVIRONMENT: NodeJS.ProcessEnv = { UV_USE_IO_URING: '0' };

/**
 * @param asRoot whether the broker starts with root's capabilities
 * @param options words for Node, before the program
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
