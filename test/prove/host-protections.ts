// Protections of what a plugin shares with its host and its user. Each one is left out alone.
import type { Protection } from './protection.js';

export const hostProtections: readonly Protection[] = [
  {
    name: 'ids: a range that another supervisor of the host has is not taken',
    file: 'sandbox/host/id-range',
    right: "const LOCKS = '/run/postern/ids';",
    wrong: "const LOCKS = '/run/postern/ids-of-' + process.pid;",
    tests: ['escape/id-lock'],
    pattern: 'two ranges of ids',
  },
  {
    name: 'launch: /proc without what the kernel keeps for the whole host',
    file: 'sandbox/launch/build-root',
    right: '    maskProc(STAGE, hidden);',
    wrong: '    ;',
    tests: ['escape/host-facts'],
    pattern: 'tells nothing',
  },
  {
    name: "launch: the host's NIS domain is taken away",
    file: 'sandbox/launch/main',
    right: '    clearDomainName();',
    wrong: '',
    tests: ['escape/host-facts'],
    pattern: 'tells nothing',
  },
  {
    name: "supervisor: the user's terminal is read in the foreground alone",
    file: 'sandbox/supervisor/terminal/user-terminal',
    right: 'foregroundGroup(this.number) === processGroup()',
    wrong: 'true',
    tests: ['escape/own-terminal'],
    pattern: 'in the background reads',
  },
  {
    name: 'supervisor: a plugin in a pipeline does not set the terminal that another program has taken',
    file: 'sandbox/supervisor/terminal/user-terminal',
    right: 'return now !== undefined && !readsLines(now);',
    wrong: 'return false;',
    tests: ['escape/own-terminal'],
    pattern: 'in the pipeline reads',
  },
  {
    name: "supervisor: the user's terminal is given back as it was",
    file: 'sandbox/supervisor/terminal/user-terminal',
    right: '            setTerminalModes(this.number, kept);',
    wrong: '            ;',
    tests: ['escape/own-terminal'],
    pattern: 'as it was after',
  },
  {
    name: 'supervisor: a plugin that stops itself stops postern only in the foreground',
    file: 'sandbox/supervisor/terminal/terminal-job',
    right: '!asked && !relay.isAlone',
    wrong: 'false',
    tests: ['escape/own-terminal'],
    pattern: 'in the background reads',
  },
  {
    name: "supervisor: a socket of the host's that a plugin is started with has a name for good",
    file: 'shared/sys/name-socket',
    right: '    succeed(bindTo(',
    wrong: '    ((..._) => {})((',
    tests: ['escape/take-name'],
    pattern: 'gives no socket',
  },
];
