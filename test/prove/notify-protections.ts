// The protections of the notify socket, and of the time until a plugin is ready.
import type { Protection } from './protection.js';

const socket = (what: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['escape/notify-socket'],
  pattern: `${what}.*user`,
});

export const notifyProtections: readonly Protection[] = [
  {
    name: 'notify: the kernel makes no datagram socket for a plugin',
    file: 'broker/trap/handle-trap',
    right: 'void giveNotifySocket(context, call);',
    wrong: 'call.proceed();',
    ...socket('nothing is heard'),
  },
  {
    name: 'notify: connect(2) of the socket works to its own path alone',
    file: 'broker/trap/connect-notify-socket',
    right: 'else if (namesNotify(address))',
    wrong: 'else if (true)',
    ...socket('nothing is heard'),
  },
  {
    name: 'notify: few messages a second are read',
    file: 'sandbox/supervisor/start/notice-inbox',
    right: 'while (this.#rate.owedMs === 0) {',
    wrong: 'while (true) {',
    ...socket('sends without end'),
  },
  {
    name: 'notify: a status is bounded, and no terminal obeys it',
    file: 'sandbox/supervisor/start/read-notice',
    right: 'printable(status.slice(0, SHOWN_STATUS_CHARACTERS))',
    wrong: 'status',
    tests: ['supervisor/start/read-notice'],
    pattern: 'bounds a status',
  },
  {
    name: 'notify: a plugin that is not ready in time is ended',
    file: 'sandbox/supervisor/plugin-ready',
    right: 'setTimeout(() => onLate(timeoutS), timeoutS * 1000)',
    wrong: 'undefined',
    tests: ['integration/life-cycle'],
    pattern: 'does not say in time.*user',
  },
];
