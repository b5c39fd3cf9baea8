// The thread of the supervisor that connects AF_UNIX sockets with a plugin's ids, and the orders that it gets.
import type { Protection } from './protection.js';

const tests = ['escape/unix-orders'];
const THREAD = { file: 'sandbox/supervisor/orders/connect-thread', tests };
const ORDERS = { file: 'sandbox/supervisor/orders/connects-as-plugin', tests };

/** A user's plugin has the ids of the broker, which makes its connects. */
const AS_ROOT: readonly Protection[] = [
  {
    name: "unix orders: the thread takes sockets of the sandbox's network alone",
    ...THREAD,
    right: 'identity.netns === netns',
    wrong: 'true',
    pattern: 'no socket of another network',
  },
  {
    name: 'unix orders: the thread takes AF_UNIX sockets alone',
    ...THREAD,
    right: 'identity.domain === AF_UNIX && ',
    wrong: '',
    pattern: 'no socket of another family',
  },
  {
    name: "unix orders: the thread connects with the plugin's ids",
    ...THREAD,
    right: 'withThreadIds(id, (asRoot) => connectInside(',
    wrong: '((_, work) => work(undefined))(id, (asRoot) => connectInside(',
    pattern: 'with the ids of the plugin',
  },
  {
    name: "unix orders: the thread has none of the supervisor's groups",
    ...THREAD,
    right: 'dropThreadGroups();',
    wrong: ';',
    pattern: 'with none of its own groups',
  },
  {
    name: 'unix orders: those of a sandbox are bounded',
    ...ORDERS,
    right: 'if (pending.count >= UNIX_ORDERS)',
    wrong: 'if (false)',
    pattern: 'past a bound',
  },
  {
    name: 'unix orders: sandboxes take turns',
    ...ORDERS,
    right: 'this.#turns.add(session, ordered);',
    wrong: 'this.#turns.add(0, ordered);',
    pattern: 'from its turn',
  },
  {
    name: "unix orders: an ended sandbox's descriptors stay open for them",
    ...ORDERS,
    right: 'if (pending !== undefined)',
    wrong: 'if (false)',
    pattern: 'after its last order',
  },
  {
    name: 'unix orders: a plugin that makes the thread wait is ended',
    ...ORDERS,
    right: 'ordered.kill();',
    wrong: ';',
    pattern: 'thread wait is ended',
  },
];

export const unixOrderProtections: readonly Protection[] = process.geteuid?.() === 0 ? AS_ROOT : [];
