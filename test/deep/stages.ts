// The stages of npm run deep: what proves more than every run of the tests has time for. A stage is cut into slices, so that .ci/run can take one slice
// each time. On two quiet processors most slices take about two minutes, and a machine four. It has seven, because a machine may be slow, or have other work.

export interface Stage {
  readonly name: string;
  /** What it shows, for the list of the stages. */
  readonly shows: string;
  /** The commands, below the top folder. Each one is a slice. */
  readonly slices: readonly (readonly string[])[];
  /** Nothing else runs meanwhile, because it measures times or takes a resource of the whole host. */
  readonly alone?: true;
  readonly needsRoot?: true;
  /** A slice is a whole machine, whose processor this host may have to emulate: no more than `MACHINES_AT_ONCE` run side by side. */
  readonly isMachine?: true;
  /** How long one slice may take if nothing runs beside it. */
  readonly minutes: number;
  /** Left out by .ci/run: a slice takes longer than it has. */
  readonly notInCi?: true;
}

/** With a third, what a machine waits for takes longer than its own programs wait. */
export const MACHINES_AT_ONCE = 2;
const SLICE_MINUTES = 7;
const TESTS = ['node', 'dist/test/run/main.js'];

/** A command for each of several parts of the test files. */
function shards(count: number, ...command: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: count }, (_, index) => [...command, `--shard=${index + 1}/${count}`]);
}

function slices(count: number, ...command: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: count }, (_, index) => [...command, '--slice', `${index + 1}/${count}`]);
}

/** What differs most with a Node: its event loop, its loading of the broker, its handling of descriptors. */
const OF_A_NODE = [
  'integration/doctor',
  'integration/demo',
  'integration/installed',
  'broker/',
  'plugin/',
  'library/',
  'library/consumer',
];
/** The newest Node also runs what a hostile program tries. npm test runs that under the host's own Node. */
const OF_THE_NEWEST = ['escape/', ...OF_A_NODE];
/** What differs with the propagation of mounts: the building of a sandbox, and which files a program meets in it. */
const OF_MOUNTS = [
  'escape/',
  ...['command', 'demo', 'doctor', 'explain-run', 'hidden', 'home', 'installed', 'launch', 'memory-programs'],
  ...['missing-requirements', 'owned-files', 'replaced-file', 'run'],
].map((name) => (name.includes('/') ? name : `integration/${name}`));
const nodeStage = (node: string, count: number, files: readonly string[]): Stage => ({
  name: node === 'debian' ? 'node-debian' : `node-${node}`,
  shows: `what depends most on Node, under ${node === 'debian' ? "Debian's own Node" : `Node ${node}`}`,
  slices: shards(count, 'test/under-node.sh', node, ...TESTS, ...files),
  needsRoot: true,
  minutes: SLICE_MINUTES,
});

const machines = (...names: readonly string[]): Stage['slices'] =>
  names.map((name) => ['node', 'dist/test/machines/main.js', '--install', '--quick', '--json', name]);

export const STAGES: readonly Stage[] = [
  {
    name: 'prove',
    shows: 'a test notices the loss of each protection',
    slices: slices(20, 'node', 'dist/test/prove/main.js'),
    minutes: SLICE_MINUTES,
  },
  {
    name: 'twins',
    shows: 'each attempt of a hostile program succeeds without its protections',
    slices: shards(4, ...TESTS, '--only-twins'),
    minutes: SLICE_MINUTES,
  },
  {
    name: 'matrix',
    shows: 'each test that npm test runs as root or as an ordinary user, as the other one',
    slices: shards(
      12,
      ...TESTS,
      '--as=other',
      'integration/',
      'escape/',
      'library/',
      'library/consumer',
      'plugin/',
      'docs/',
    ),
    needsRoot: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'fuzz',
    shows: 'hostile bytes for each parser',
    slices: [1, 2, 3, 4].map(() => ['node', 'dist/test/fuzz/main.js', '--seconds', '150']),
    minutes: SLICE_MINUTES,
  },
  {
    name: 'neighbours',
    shows: 'a plugin under heavy load costs its neighbours little',
    slices: [
      [
        ...TESTS,
        '--at-once=1',
        'integration/busy-plugins',
        'integration/neighbours',
        'integration/slow-plugin',
        'integration/stuck-broker',
      ],
    ],
    alone: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'soak',
    shows: 'memory stays flat over many connects',
    slices: [
      ['node', 'dist/test/soak/main.js', '--connects', '60000', '--plugins', '60'],
      [...TESTS, 'integration/soak'],
    ],
    alone: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'stream',
    shows: 'each event of ten minutes arrives through a gateway',
    // The runner would end it before.
    slices: [
      ['env', 'POSTERN_STREAM_SECONDS=600', 'node', '--test', 'dist/test/integration/gateway-stream.test.js'],
    ],
    minutes: 12,
    notInCi: true,
  },
  {
    name: 'chaos',
    shows: 'a disturbed postern loses no byte and opens nothing',
    slices: ['root', 'user'].map((as) => ['node', 'dist/test/chaos/main.js', '--seconds', '120', '--as', as]),
    alone: true,
    needsRoot: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'rounds',
    shows: 'a destination is allowed and withdrawn again and again under load',
    slices: ['root', 'user'].map((as) => ['node', 'dist/test/rounds/main.js', '--rounds', '500', '--as', as]),
    alone: true,
    needsRoot: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'alerts',
    shows: 'a real Prometheus tells each fault of a running postern, and nothing else',
    slices: [[...TESTS, 'deploy/alerts']],
    alone: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'interop',
    shows: 'programs and libraries of others, in a sandbox as outside',
    slices: shards(2, ...TESTS, 'interop/'),
    minutes: SLICE_MINUTES,
  },
  {
    name: 'packages',
    shows: 'the packages for npm and for Debian, as they are made and as others install them',
    slices: [[...TESTS, 'integration/package', 'library/consumer', 'deploy/released']],
    minutes: SLICE_MINUTES,
  },
  {
    name: 'bench',
    shows: 'the bench comes to its report',
    slices: [[...TESTS, 'bench/bench']],
    minutes: SLICE_MINUTES,
  },
  {
    name: 'containers',
    shows:
      'postern in containers, with the documented options, and as a Deployment of Kubernetes by podman kube play',
    slices: [[...TESTS, 'containers/']],
    needsRoot: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'suites',
    shows: 'tests of other people differ inside only as docs/differences.md lists it',
    slices: [['cpython'], ['go', 'ruby', 'perl', 'memcached']].map((names) => [
      'node',
      'dist/test/suites/main.js',
      '--quick',
      ...names,
    ]),
    minutes: SLICE_MINUTES,
  },
  {
    name: 'shared-mounts',
    shows: 'what depends on mounts, on a host whose mounts are shared, as systemd mounts them',
    slices: shards(6, 'test/in-shared-mounts.sh', ...TESTS, ...OF_MOUNTS),
    needsRoot: true,
    minutes: SLICE_MINUTES,
  },
  nodeStage('22', 2, OF_A_NODE),
  nodeStage('24', 2, OF_A_NODE),
  nodeStage('26', 6, OF_THE_NEWEST),
  nodeStage('debian', 2, OF_A_NODE),
  {
    name: 'machines',
    shows: 'whole machines with other kernels, Nodes and processors',
    slices: machines('debian13', 'linux-5.10'),
    needsRoot: true,
    isMachine: true,
    minutes: SLICE_MINUTES,
  },
  {
    name: 'more-machines',
    shows: 'the machines that take longer',
    slices: machines('linux-6.1', 'linux-6.18', 'newest', 'cgroup', 'package', 'swarm', 'arm64'),
    needsRoot: true,
    isMachine: true,
    minutes: 40,
    notInCi: true,
  },
];
