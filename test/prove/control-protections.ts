// The control socket: who may command the supervisor.
import type { Protection } from './protection.js';

const SOCKET = {
  file: 'sandbox/supervisor/control/control-socket',
  tests: ['supervisor/control/control-socket'],
};
const PEER = 'sandbox/supervisor/control/judge-peer';

export const controlProtections: readonly Protection[] = [
  {
    name: 'control: no plugin sees the control socket',
    file: 'sandbox/supervisor/root/plan-root',
    right: `...withheld(request.ownSockets ?? [], "postern's control socket"),`,
    wrong: '',
    tests: ['escape/control-socket'],
    pattern: 'is visible is not seen.*user|sees none',
  },
  {
    name: 'control: no rule leads to the control socket',
    file: 'sandbox/supervisor/files/socket-problems',
    right: 'if (places.some((place) => control.some((one) => isWithin(place, one))))',
    wrong: 'if (false)',
    tests: ['escape/control-socket'],
    pattern: 'whose rule leads.*user',
  },
  {
    name: 'control: no plugin makes the folder of control sockets',
    file: 'sandbox/host/control-folder',
    right: '{ files: own, searched: [folder] }',
    wrong: '{ files: own, searched: [] }',
    tests: ['escape/control-socket'],
    pattern: 'would make the default folder',
  },
  {
    name: 'control: a broker commands nothing',
    file: PEER,
    right: 'own.isOwn(pid)',
    wrong: 'false',
    tests: ['escape/control-socket', 'supervisor/control/judge-peer'],
    pattern: 'came to lead there later.*user|a process of postern',
  },
  {
    name: 'control: another user commands nothing',
    file: PEER,
    right: 'if (uid !== own.uid && uid !== ROOT)',
    wrong: 'if (false)',
    tests: ['supervisor/control/judge-peer', 'integration/control'],
    pattern: 'every other user|another user who reaches',
  },
  {
    name: 'control: the socket is for its owner',
    ...SOCKET,
    right: '0o177',
    wrong: '0',
    pattern: 'owner alone',
  },
  {
    name: 'control: a folder of another user, or an open one, holds no control socket',
    ...SOCKET,
    right: '(mode & FOR_OTHERS) !== 0 && (mode & STICKY) === 0',
    wrong: 'false',
    pattern: 'others may write',
  },
  {
    name: 'control: the socket of a running postern is not taken',
    ...SOCKET,
    right: 'if (answer !== -constants.errno.ECONNREFUSED)',
    wrong: 'if (false)',
    pattern: 'live control socket',
  },
  {
    name: 'control: a client that sends a byte now and then is not waited for',
    file: 'sandbox/supervisor/control/control-session',
    right: 'if (isNext || !this.#reader.inLine)',
    wrong: 'if (true)',
    tests: ['supervisor/control/control-server'],
    pattern: 'no end in time',
  },
  {
    name: 'control: a client that reads nothing is disconnected',
    file: 'sandbox/supervisor/control/control-session',
    right: 'this.#stuckTimer ??= setTimeout(() => this.#socket.destroy(), this.#times.stuckMs);',
    wrong: '',
    tests: ['supervisor/control/control-server'],
    pattern: 'reads none of its answers',
  },
  {
    name: 'control: a client that never reads is not kept for',
    file: 'sandbox/supervisor/control/control-session',
    right: 'return this.#socket.writableLength < CONTROL_BACKLOG_BYTES;',
    wrong: 'return true;',
    tests: ['supervisor/control/control-server'],
    pattern: 'never reads',
  },
  {
    name: 'control: a command asks no other project',
    file: 'sandbox/cli/control/control-command',
    right: 'if (facts.config === config)',
    wrong: 'if (true)',
    tests: ['integration/control'],
    pattern: 'never by that of another project',
  },
  {
    name: "control: a plugin does not see its supervisor's socket",
    file: 'sandbox/operate/operated-supervisor',
    right: 'control: control?.path,',
    wrong: '',
    tests: ['library/control'],
    pattern: 'no plugin does',
  },
];
