// No process of postern opens Node's debugger, whatever signal or variable it gets.
import type { Protection } from './protection.js';

const debuggerTests = (pattern: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['escape/debugger'],
  pattern,
});
const OPEN = '--inspect-port=127.0.0.1:9229';
const COMMAND = { file: 'deploy/command', extension: '.sh' };

export const debuggerProtections: readonly Protection[] = [
  {
    ...COMMAND,
    name: 'debugger: an early SIGUSR1 finds an address that nobody can bind, in the supervisor',
    right: 'exec node @NODE_FLAGS@',
    wrong: `exec node @NODE_FLAGS@ '${OPEN}'`,
    ...debuggerTests('in the supervisor.*user'),
  },
  {
    name: 'debugger: an early SIGUSR1 finds an address that nobody can bind, in the broker',
    file: 'shared/node-flags',
    right: 'return [UNBINDABLE_DEBUGGER, ...(known ? [NO_DEBUGGER] : [])];',
    wrong: `return [UNBINDABLE_DEBUGGER, '${OPEN}'];`,
    ...debuggerTests('broker, launcher and init.*user'),
  },
  {
    ...COMMAND,
    name: 'debugger: NODE_OPTIONS is kept from Node',
    right: 'in NODE_OPTIONS NODE_REPL',
    wrong: 'in NODE_REPL',
    ...debuggerTests('NODE_OPTIONS=.*user'),
  },
  {
    ...COMMAND,
    name: 'debugger: the shell ignores SIGUSR1 until Node blocks it',
    right: "trap '' USR1",
    wrong: 'trap - USR1',
    tests: ['integration/command'],
    pattern: 'SIGUSR1',
  },
  {
    name: 'debugger: one that is open is closed',
    file: 'shared/refuse-debugger',
    right: 'url() === undefined || close()',
    wrong: 'true',
    ...debuggerTests('closes the debugger.*user'),
  },
  {
    name: 'debugger: SIGUSR1 is taken from it',
    file: 'shared/refuse-debugger',
    right: "process.on('SIGUSR1', () => { });",
    wrong: '',
    ...debuggerTests('do nothing to up.*user'),
  },
];
