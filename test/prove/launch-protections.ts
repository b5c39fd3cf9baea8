// Steps of a launch, and init.
import type { Mutation } from '../harness/mutant.js';
import { type Protection, refusedBy } from './protection.js';

const launch = (pattern: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['integration/launch'],
  pattern,
});

/** What the supervisor's own starter left open goes to none of its children. */
const KEPT_BY_SUPERVISOR: Mutation = {
  file: 'sandbox/supervisor/broker/fork-broker',
  right: '    setCloseOnExecFrom(3);',
  wrong: '',
};

/** An option of unshare(1), and whether a sandbox starts without it. */
const NAMESPACES: readonly (readonly [option: string, holds: string, failsClosed?: true])[] = [
  ['user', 'of users', true],
  ['net', 'of networks', true],
  ['pid', 'of processes', true],
  ['mount', 'of mounts', true],
  ['ipc', 'of IPC'],
  ['uts', 'of host names', true],
  ['cgroup', 'of control groups'],
];

const STEPS: readonly Protection[] = [
  {
    name: 'filter: a request of a socket that is permitted is no other one with high bits',
    file: 'sandbox/launch/filter/interface-requests',
    right: "'all bits'",
    wrong: "'type and number'",
    tests: ['escape/interface-ioctls'],
    pattern: refusedBy('channel'),
  },
  {
    name: "launch: postern's own priority is not the plugin's",
    file: 'sandbox/launch/set-limits',
    right: 'leaveSpecialPriority();',
    wrong: ';',
    tests: ['escape/priority'],
    pattern: 'no priority',
  },
  {
    name: "launch: postern's own protection from a shortage of memory is not the plugin's",
    file: 'shared/sys/out-of-memory',
    right: "writeFileSync(file, '0')",
    wrong: ';',
    tests: ['sys/out-of-memory'],
    pattern: 'is given up',
  },
  {
    name: 'launch: the launcher, which becomes the plugin, gives that protection up',
    file: 'sandbox/launch/main',
    right: 'leaveMemoryProtection();',
    wrong: ';',
    tests: ['sys/out-of-memory'],
    pattern: 'both give up.*user',
  },
  {
    name: 'launch: init gives that protection up',
    file: 'sandbox/launch/init',
    right: 'leaveMemoryProtection();',
    wrong: ';',
    tests: ['sys/out-of-memory'],
    pattern: 'both give up.*user',
  },
  {
    name: 'launch: every capability is dropped',
    file: 'sandbox/launch/main',
    right: 'dropAllCapabilities();',
    wrong: '',
    ...launch('no capability.*user'),
  },
  {
    name: 'launch: Landlock, which denies TCP where an AF_UNIX call goes on',
    file: 'shared/sys/landlock',
    right: 'version >= LANDLOCK_TCP ? NET_BIND_TCP | NET_CONNECT_TCP : 0n',
    wrong: '0n',
    tests: ['escape/landlock'],
    pattern: '.user',
  },
  {
    name: 'launch: Landlock, which keeps datagrams within the sandbox',
    file: 'shared/sys/landlock',
    right: 'version >= LANDLOCK_UNIX ? RESOLVE_UNIX : 0n',
    wrong: '0n',
    tests: ['sys/landlock'],
    pattern: 'a domain handles',
  },
  {
    name: 'launch: datagram sockets only where Landlock keeps them',
    file: 'sandbox/launch/enter-landlock',
    right: 'return version >= LANDLOCK_UNIX;',
    wrong: 'return version < LANDLOCK_UNIX;',
    tests: ['escape/datagrams', 'escape/own-datagrams'],
    pattern: 'user',
  },
  {
    name: 'launch: Landlock, which denies writing outside of what is listed',
    file: 'sandbox/launch/enter-landlock',
    right: 'writableDirectories: spec.writableDirectories',
    wrong: "writableDirectories: ['/']",
    tests: ['escape/write-outside'],
    pattern: '.user',
  },
  {
    name: 'launch: /proc is read-only, where Landlock is missing too',
    file: 'sandbox/launch/build-root',
    right: 'maskProc(STAGE, hidden);\n',
    wrong: 'maskProc(STAGE, hidden);\n        if (hidden === undefined)\n',
    tests: ['escape/process-files'],
    pattern: 'writes no file.*user',
  },
  {
    name: 'launch: no descriptor but the documented ones',
    file: 'sandbox/launch/arrange-descriptors',
    right: '    setCloseOnExecFrom(documented);',
    wrong: '',
    besides: [
      KEPT_BY_SUPERVISOR,
      { file: 'sandbox/launch/keep-job-control', right: '    setCloseOnExecFrom(0);', wrong: '' },
    ],
    ...launch('documented descriptors.*user'),
  },
  {
    name: 'launch: a plugin without a terminal leads its own group',
    file: 'sandbox/launch/main',
    right: 'leadGroup();',
    wrong: ';',
    tests: ['escape/shared-group'],
    pattern: 'leads its own group.*user',
  },
  {
    name: 'launch: a plugin with a terminal leads its own group',
    file: 'sandbox/launch/main',
    right: 'leadSession();',
    wrong: ';',
    tests: ['escape/shared-group'],
    pattern: 'neither signals.*user',
  },
  {
    name: 'launch: a plugin without a terminal leads no session',
    file: 'sandbox/launch/main',
    right: 'if (withTerminal)',
    wrong: 'if (true)',
    tests: ['escape/opened-terminal'],
    pattern: 'lives on.*user',
  },
  {
    name: "launch: the session of a start is not the user's",
    file: 'sandbox/supervisor/start/spawn-namespaces',
    right: 'detached: true',
    wrong: 'detached: false',
    tests: ['escape/opened-terminal'],
    pattern: 'at /dev/tty.*user',
  },
  {
    name: 'launch: no user namespace inside',
    file: 'sandbox/launch/isolate-network',
    right: "    writeFileSync('/proc/sys/user/max_user_namespaces', '0');",
    wrong: '',
    tests: ['escape/namespaces'],
    pattern: 'heard without.*channel, user',
  },
];

const AS_ROOT: readonly Protection[] = [
  {
    name: 'launch: as root, ids of its own',
    file: 'sandbox/launch/main',
    right: 'becomeIds(spec.becomeIds.uid, spec.becomeIds.gid);',
    wrong: '',
    failsClosed: true,
    ...launch(''),
  },
];

const INIT: readonly Protection[] = [
  {
    name: 'filter: what one filter allows, the next one is asked',
    file: 'shared/sys/filter-decision',
    right: "action === 'allow' ? allowed : { action }",
    wrong: '{ action }',
    tests: ['sys/compile-filters'],
    pattern: 'answer as they are written',
  },
  {
    name: 'filter: the filter loaded last is asked first',
    file: 'shared/sys/filter-decision',
    right: 'of stack)',
    wrong: 'of [...stack].reverse())',
    tests: ['sys/compile-filters'],
    pattern: 'of two errnos',
  },
  {
    name: 'filter: calls of another ABI are refused',
    file: 'shared/sys/compile-filters',
    right: 'code.ifEqual(architecture, own, code.write(foreign));',
    wrong: 'code.ifEqual(architecture, own, own);',
    tests: ['sys/compile-filters'],
    pattern: 'of another ABI',
  },
  {
    name: 'filter: calls of x32 are refused',
    file: 'shared/sys/compile-filters',
    right: "process.arch === 'x64'",
    wrong: 'false',
    tests: ['sys/compile-filters'],
    pattern: 'of another ABI',
  },
  {
    name: "init: the plugin's own filter",
    file: 'sandbox/launch/filters',
    right: "...filters({ egress: 'channel' }), ",
    wrong: '',
    tests: ['supervisor/start/built-filters'],
    pattern: "init's filter",
  },
  {
    name: 'init: a filter of its own',
    file: 'sandbox/launch/filters',
    right: ', INIT_FILTER]',
    wrong: ']',
    tests: ['supervisor/start/built-filters'],
    pattern: "init's filter",
  },
  {
    name: 'init: no capability',
    file: 'sandbox/launch/init',
    right: 'dropAllCapabilities();',
    wrong: '',
    ...launch('init keeps nothing.*user'),
  },
  {
    name: 'init: no descriptor',
    file: 'sandbox/launch/init',
    right: 'setCloseOnExecFrom(3);',
    wrong: '',
    besides: [KEPT_BY_SUPERVISOR],
    ...launch('init keeps nothing.*user'),
  },
  {
    name: 'init: it ends with the supervisor',
    file: 'sandbox/launch/init',
    right: 'dieWithParent(constants.signals.SIGKILL);',
    wrong: '',
    ...launch('kill -9 of the supervisor.*user'),
  },
];

export const launchProtections: readonly Protection[] = [
  ...NAMESPACES.map(([option, holds, failsClosed]) => ({
    name: `launch: a namespace ${holds} of its own`,
    file: 'sandbox/supervisor/start/namespaces-script',
    right: `'--${option}', `,
    wrong: '',
    ...launch('its own namespaces.*user'),
    ...(failsClosed ? { failsClosed } : {}),
  })),
  ...STEPS,
  ...(process.geteuid?.() === 0 ? AS_ROOT : []),
  ...INIT,
];
