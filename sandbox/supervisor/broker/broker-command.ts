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

/** In MiB. V8 lets it grow to 16 MiB, threefold, and an idle broker keeps what it has grown to. */
const SMALL_YOUNG_HEAP = '--max-semi-space-size=4';

/**
 * In percent of what is in use after a collection. By default V8 lets a heap grow fourfold before it collects again, so that a broker of 200
 * plugins takes 200 to 350 MiB in turn. With this it takes 190 to 200 MiB, and no more processor time (npm run soak).
 */
const SLOWLY_GROWING_HEAP = '--heap-growing-percent=40';

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
    SMALL_YOUNG_HEAP,
    SLOWLY_GROWING_HEAP,
    ...options,
    bundlePath('broker'),
    ...(asRoot ? [KEEPS_CAPABILITIES] : []),
  ];
  return [program, ...rest];
}
