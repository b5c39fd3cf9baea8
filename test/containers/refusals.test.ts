import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { distFor, readableFolder } from '../harness/users.js';
import { image } from './image.js';
import { noContainers, type Outcome, run, succeed, writeJson } from './podman.js';

const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const UNMASKED = ['--security-opt', 'unmask=ALL'];
const FILTERED = ['--security-opt', 'seccomp=postern-seccomp.json'];
const NEEDED = [...FILTERED, ...UNMASKED];
/** Runs postern, then prints its status and the number of processes beside this shell and the one that counts. */
const SCRIPT =
  'postern run -- echo started; status=$?; set -- /proc/[0-9]*; echo "status $status, processes $#"';
const NOTHING_STARTED = 'status 125, processes 1\n';
const nothing = (path: string): string[] => ['--volume', `/dev/null:${path}`];

let name = '';
let folder = '';
before(
  async () => {
    if (noContainers !== false) return;
    name = await image();
    folder = readableFolder();
    const script = join(distFor('root'), 'run/seccomp-profile.js');
    writeJson(join(folder, 'postern-seccomp.json'), JSON.parse(await succeed([process.execPath, script])));
  },
  { timeout: 240_000 * PATIENCE },
);

const container = (user: string, options: readonly string[]): Promise<Outcome> =>
  run(
    ['podman', 'run', '--rm', '--user', user, ...options, '--entrypoint', '/bin/sh', name, '-c', SCRIPT],
    folder,
  );

/** Root keeps its locks there. */
const RUN = ['--tmpfs', '/run'];

const REFUSALS: readonly {
  readonly what: string;
  readonly options: readonly string[];
  readonly told: RegExp;
}[] = [
  {
    what: 'no options',
    options: [],
    told: /start the container with --security-opt seccomp=postern-seccomp\.json --security-opt unmask=ALL; /,
  },
  {
    what: "Podman's own filter",
    options: UNMASKED,
    told: /start the container with --security-opt seccomp=postern-seccomp\.json; /,
  },
  {
    what: 'a masked /proc',
    options: FILTERED,
    told: /start the container with .*--security-opt unmask=ALL; /,
  },
  {
    what: 'a masked /proc and no filter',
    options: ['--security-opt', 'seccomp=unconfined'],
    told: /start the container with --security-opt unmask=ALL; /,
  },
  {
    what: 'a masked /proc, on a root that is read-only',
    options: [...FILTERED, '--read-only', '--read-only-tmpfs=false', ...RUN],
    told: /start the container with .*--security-opt unmask=ALL; /,
  },
  {
    what: 'no unshare(1)',
    options: [...NEEDED, ...nothing('/usr/bin/unshare')],
    told: /step namespaces: .*util-linux/,
  },
  {
    what: 'no libseccomp',
    options: [...NEEDED, ...nothing(`${LIBRARIES}/libseccomp.so.2`)],
    told: /Cannot load "libseccomp\.so\.2".*libseccomp2/,
  },
  {
    what: 'no libcap-ng',
    options: [...NEEDED, ...nothing(`${LIBRARIES}/libcap-ng.so.0`)],
    told: /Cannot load "libcap-ng\.so\.0".*libcap-ng0/,
  },
];

test('root in a container where nothing can be written says in one line what to mount', {
  skip: noContainers,
}, async () => {
  const { stdout, stderr } = await container('0:0', [...NEEDED, '--read-only', '--read-only-tmpfs=false']);
  assert.equal(stdout, NOTHING_STARTED, stderr);
  assert.match(
    stderr,
    /^postern: Cannot make .*'\/run\/postern'; mount a tmpfs on \/run, [^\n]*--tmpfs \/run[^\n]*\n$/,
  );
});

for (const user of ['0:0', '1000:1000']) {
  for (const { what, options, told } of REFUSALS) {
    test(`postern in a container with ${what} says in one line what to change, as ${user}`, {
      skip: noContainers,
    }, async () => {
      const { stdout, stderr } = await container(user, options);
      assert.equal(stdout, NOTHING_STARTED, stderr);
      assert.match(stderr, /^postern: [^\n]+; [^\n]+\n$/, 'one line, with the fix');
      assert.match(stderr, told);
    });
  }

  for (const readOnly of [['--read-only'], ['--read-only', '--read-only-tmpfs=false', ...RUN]]) {
    test(`postern in a container runs a program with ${readOnly.join(' ')}, as ${user}`, {
      skip: noContainers,
    }, async () => {
      const { stdout, stderr } = await container(user, [...NEEDED, ...readOnly]);
      assert.equal(stdout, 'started\nstatus 0, processes 1\n', stderr);
      assert.equal(stderr, '');
    });
  }
}
