// The steps of the machines. A processor of these machines has a tenth of the speed: the tests are those that fit in ten minutes.
import type { Step, StepUser } from './step.js';

const USERS: readonly StepUser[] = ['root', 'user'];
const POSTERN = ['node', 'run/postern.js'];

/** Both must do on each machine, for root and for an ordinary user. */
export const doctorAndDemo: readonly Step[] = USERS.flatMap((as) => [
  { name: 'doctor', as, command: [...POSTERN, 'doctor', '--json'], passes: 0, seconds: 240 },
  { name: 'demo', as, command: ['node', 'deploy/examples/demo/main.js'], passes: 0, seconds: 240 },
]);

/** The result of doctor for a kernel that is too old. */
export const refusal: readonly Step[] = USERS.map((as) => ({
  name: 'refusal',
  as,
  command: [...POSTERN, 'doctor', '--json'],
  passes: 1,
  says: '"name":"kernel","state":"(?!ok)',
  seconds: 240,
}));

const GREEDY = 'taken = bytearray(200 << 20)';

/** doctor finds a delegated group, and its limit ends a plugin that takes more. */
export const delegated: readonly Step[] = USERS.flatMap((as) => [
  {
    name: 'doctor with a cgroup',
    as,
    delegated: true,
    command: [...POSTERN, 'doctor', '--json'],
    passes: 0,
    says: '"name":"cgroup","state":"ok"',
    seconds: 240,
  },
  {
    name: 'total_memory_mib',
    as,
    delegated: true,
    command: [...POSTERN, 'run', '--limit', 'total_memory_mib=64', '--', 'python3', '-c', GREEDY],
    passes: 137,
    seconds: 240,
  },
]);

function tests(name: string, seconds: number, paths: readonly string[]): Step {
  return { name, as: 'root', tests: true, command: paths, passes: 0, seconds };
}

/** What rests most upon the kernel and the host's mounts. */
const FIRST = [
  ...['broker-sandbox', 'mounts', 'landlock'].map((file) => `escape/${file}.`),
  'sys/last-holder.',
];
const MORE = ['hidden-path', 'shared-mounts', 'own-socket', 'loopback'].map((file) => `escape/${file}.`);

/** The first are quick. All of them take about ten minutes of an emulated processor. */
export const escapes: readonly Step[] = [
  tests('escape tests', 2_400, FIRST),
  { ...tests('more escape tests', 2_400, MORE), long: true },
];

/** Where Landlock keeps datagrams within the sandbox, from Linux 7.1 on. */
export const datagrams: Step = tests('datagram tests', 2_400, ['escape/datagrams.', 'escape/own-datagrams.']);

/** How root's files, and root without capabilities, behave there. */
export const integration: Step = {
  long: true,
  ...tests(
    'integration tests',
    2_400,
    ['owned-files', 'confined-root'].map((file) => `integration/${file}.`),
  ),
  // On ext4: a tmpfs maps ids only from Linux 6.3 on, and /tmp is one.
  variables: { TMPDIR: '/var/tmp' },
};

/** Each step goes on where the one before it has ended. */
function parts(name: string, program: string, ...all: readonly string[]): readonly Step[] {
  return all.map((part) => ({
    name: `${name}: ${part}`,
    as: 'root',
    command: ['node', `test/machines/${program}.js`, part],
    passes: 0,
    seconds: 1_800,
  }));
}

/** The life of the Debian package. */
export const packaged: readonly Step[] = parts(
  'package',
  'deb',
  ...['install', 'serve', 'reload', 'the journal', 'an instance', 'the watchdog'],
  ...['the profile', 'the profile for containers', 'upgrade', 'remove', 'purge'],
);

/** The how-to of Docker Swarm. */
export const swarm: readonly Step[] = parts('swarm', 'swarm', ...['a node', 'deploy', 'rollout', 'rollback']);

export const cgroupTests: Step = tests('cgroup tests', 2_400, ['integration/cgroup.']);
