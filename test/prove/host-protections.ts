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
    name: 'launch: no signal and no priority to a process group that is shared',
    file: 'sandbox/launch/main',
    right: '        loadFilter(SHARED_GROUP_FILTER);',
    wrong: '        ;',
    tests: ['escape/shared-group'],
    pattern: 'neither signals nor renices',
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
