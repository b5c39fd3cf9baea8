// proves: G15
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';

function run(user: User, limits: readonly string[], command: readonly string[]): Promise<PosternResult> {
  const options = limits.flatMap((limit) => ['--limit', limit]);
  return postern(['run', '--name', 'limited', ...options, '--', ...command], { as: user });
}

const python = (text: string): readonly string[] => ['/usr/bin/python3', '-c', text];

/** Makes processes until the kernel allows no more, and prints how many there are with itself. */
const FORK = `
import os, sys, time
made = 1
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except BlockingIOError:
    pass
print(made, flush=True)
time.sleep(float(sys.argv[1]))
`;

/** Asks the sandbox's DNS this often at once, and prints how many answers come, until half a second without one. Four always come: the burst. */
const ASK = `
import select, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", 53))
begun = last = time.monotonic()
for id in range(30):
    s.send(bytes([0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + b"\\x02no\\x04test\\x00\\x00\\x01\\x00\\x01")
answers = 0
while answers < 30 and select.select([s], [], [], 20)[0]:
    s.recv(512)
    answers += 1
    last = time.monotonic()
print(answers, last - begun)
`;

/** Connects three times to what no rule allows, and waits 0.1 s at most for each. */
const HURRIED = `
import errno, socket, struct
for port in (81, 82, 83):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 100_000))
    print(errno.errorcode[s.connect_ex(("93.184.216.10", port))])
`;

for (const user of anyUser) {
  // proves: a request whose turn does not come in time is an event
  test(`a connect(2) whose time is over before its turn is an event (${user})`, async () => {
    const { stdout, stderr } = await postern(
      [...['run', '--audit', 'stdout', '--limit', 'requests_per_second=1'], ...['--', ...python(HURRIED)]],
      { as: user },
    );
    const decisions = [...stdout.matchAll(/^\{"event":"decision".*$/gm)].map(([line]) => JSON.parse(line));
    const late = stdout.match(/^ETIMEDOUT$/gm)?.length;
    assert.ok(late !== undefined, stderr);
    assert.equal(decisions.length, 3);
    assert.equal(
      decisions.filter(({ reason, pid }) => reason === 'rate_limited' && pid !== null).length,
      late,
    );
  });
}

for (const user of users) {
  test(`without a limit of its own a plugin has as many descriptors as postern may have, at most 1024 (${user})`, async () => {
    for (const [hard, has] of [
      ['150', '150'],
      ['2000', '1024'],
    ] as const) {
      const { stdout, stderr } = await postern(['run', '--', 'sh', '-c', 'ulimit -n; ulimit -Hn'], {
        as: user,
        shell: `ulimit -n ${hard}; exec "$@"`,
      });
      assert.equal(stdout, `${has}\n${has}\n`, stderr);
    }
  });

  // proves: limits: many descriptors are half of the broker's at most
  test(`beyond the default a plugin has the descriptors that it asks for, at most half of those of postern (${user})`, async () => {
    for (const [hard, has] of [
      ['16384', '8192'],
      ['4000', '2000'],
      ['1500', '1024'],
      ['150', '150'],
    ] as const) {
      const limit = ['--limit', 'descriptors=8192'];
      const { stdout, stderr } = await postern(['run', ...limit, '--', 'sh', '-c', 'ulimit -n; ulimit -Hn'], {
        as: user,
        shell: `ulimit -n ${hard}; exec "$@"`,
      });
      assert.equal(stdout, `${has}\n${has}\n`, stderr);
    }
  });

  // proves: limits: processes
  test(`processes bounds what one sandbox forks, beside one that has its own share (${user})`, async () => {
    const both = [12, 20].map((limit) => run(user, [`processes=${limit}`], [...python(FORK), '1.5']));
    const [few, more] = await Promise.all(both);
    // As a user, the limit has room for a second process of init. The plugin's first forks may take that place.
    const over = user === 'root' ? 0 : 1;
    for (const [made, limit] of [
      [Number(few?.stdout), 12],
      [Number(more?.stdout), 20],
    ] as const)
      assert.ok(made >= limit && made <= limit + over, `${made} processes of ${limit}: ${few?.stderr}`);
  });
}

for (const user of userInTurn(0)) {
  // proves: limits: memory
  test(`memory_mib bounds a process, and one within it runs (${user})`, async () => {
    const take = `
try:
    bytearray(100 << 20)
    print("taken")
except MemoryError:
    print("refused", len(bytearray(10 << 20)) >> 20)`;
    assert.equal((await run(user, ['memory_mib=64'], python(take))).stdout, 'refused 10\n');
    const absent = await run(user, ['memory_mib=16'], ['no-such-program']);
    assert.equal(absent.status, 127, 'the launcher itself outlives the limit');
  });

  // proves: limits: size of a file
  // proves: limits: processor time
  test(`cpu_seconds and file_mib end the program, and say so (${user})`, async () => {
    const busy = run(user, ['cpu_seconds=1'], ['sh', '-c', 'while :; do :; done']);
    const large = run(
      user,
      ['file_mib=1'],
      [
        ...['sh', '-c'],
        'cd /tmp && dd if=/dev/zero of=a bs=64k count=16 && echo within && exec dd if=/dev/zero of=b bs=64k count=32',
      ],
    );
    assert.equal((await busy).status, 128 + 24);
    assert.match((await busy).stderr, /^postern: "limited" was ended by its limit cpu_seconds$/m);
    assert.equal((await large).status, 128 + 25);
    assert.match((await large).stderr, /^postern: "limited" was ended by its limit file_mib$/m);
    assert.equal((await large).stdout, 'within\n');
  });
}

for (const user of userInTurn(1)) {
  // proves: limits: what may be written is bounded
  // proves: limits: how many files may be made is bounded
  test(`tmp_mib, home_mib and shm_mib bound each place, in bytes and in files (${user})`, async () => {
    const fill = 'dd if=/dev/zero of=$d/large bs=64k count=200 2>/dev/null; stat -c %s $d/large';
    const script = `for d in /tmp "$HOME" /dev/shm; do ${fill}; done; rm /tmp/large; i=0; while : >/tmp/$i; do i=$((i+1)); done; echo $i`;
    const { stdout } = await run(user, ['tmp_mib=1', 'home_mib=2', 'shm_mib=3'], ['bash', '-c', script]);
    const [tmp, home, shm, files] = stdout.split('\n').map(Number);
    assert.deepEqual(
      [tmp, home, shm],
      [1, 2, 3].map((mib) => mib << 20),
    );
    assert.ok((files ?? 0) > 200 && (files ?? 0) < 256, `${files} files`);
  });
}

for (const user of users) {
  // proves: limits: descriptors
  // proves: limits: no core dump
  test(`no limit can be raised from inside (${user})`, async () => {
    const script = `import resource as r
print(*r.getrlimit(r.RLIMIT_NOFILE), *r.getrlimit(r.RLIMIT_CORE))
for limit in (r.RLIMIT_NPROC, r.RLIMIT_DATA, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE):
    try:
        r.setrlimit(limit, (r.getrlimit(limit)[1] + 1,) * 2)
        print("raised", limit)
    except (ValueError, OSError):
        pass`;
    const limits = ['processes=30', 'memory_mib=300', 'cpu_seconds=9', 'file_mib=9', 'descriptors=64'];
    const { status, stdout, stderr } = await run(user, limits, python(script));
    assert.deepEqual([status, stdout], [0, '64 64 1 1\n'], stderr);
  });

  test(`a hard limit that is lower already stays, and a plugin starts (${user})`, async () => {
    const script = 'import resource as r; print(*r.getrlimit(r.RLIMIT_NOFILE), *r.getrlimit(r.RLIMIT_CORE))';
    const options = { as: user, through: ['prlimit', '--core=0:0', '--'] };
    const { status, stdout, stderr } = await postern(
      ['run', '--limit', 'descriptors=64', '--', ...python(script)],
      options,
    );
    assert.deepEqual([status, stdout], [0, '64 64 0 0\n'], stderr);
  });
}

for (const user of anyUser) {
  test(`questions_per_second bounds a sandbox's DNS: each question has its answer, and a line says why it waits (${user})`, async () => {
    const { stdout, stderr } = await run(user, ['questions_per_second=5'], python(ASK));
    const [answers = 0, seconds = 0] = stdout.split(' ').map(Number);
    assert.equal(answers, 30, stdout);
    assert.ok(answers <= 10 + 5 * seconds, stdout);
    const line = /^postern: Look-ups of names wait: .*; to allow more: limits\.questions_per_second$/gm;
    assert.equal(stderr.match(line)?.length, 1, stderr);
  });
}

test('log_lines_per_second bounds the output of one plugin under up, counts the rest, and does not affect its neighbour', async () => {
  const folder = readableFolder();
  const port = await freePort();
  writeFileSync(
    join(folder, 'postern.yaml'),
    `metrics: 127.0.0.1:${port}
plugins:
  loud: {command: [sh, -c, "seq 5000; sleep 30"], limits: {log_lines_per_second: 50}}
  quiet: {command: [sh, -c, "seq 500; sleep 30"]}
`,
  );
  const { child, result, stdout } = startPostern(['up', '--config', join(folder, 'postern.yaml')], {
    as: 'user',
  });
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counted = async (plugin: string): Promise<number> => {
    const line = `postern_limit_rejections_total{plugin="${plugin}",limit="log_rate"} `;
    return Number((await metrics()).split(line)[1]?.split('\n')[0]);
  };
  const dropped = await until(async () => {
    if (!stdout().includes('quiet | 500')) return undefined;
    const count = await counted('loud');
    return count >= 4700 ? count : undefined;
  });
  assert.equal(await counted('quiet'), 0);
  child.kill('SIGTERM');
  const { stderr } = await result;
  const written = (plugin: string): number =>
    stdout().match(new RegExp(`^${plugin} \\| `, 'gm'))?.length ?? 0;
  assert.equal(written('quiet'), 500);
  assert.equal(written('loud') + dropped, 5000);
  assert.match(
    stderr,
    /^postern: loud: \d+ more lines within a second are left out \(log_lines_per_second\)$/m,
  );
});

test('run refuses an unknown limit, or a value out of range, with the fix', async () => {
  const user = 'user';
  const unknown = await run(user, ['memory_mb=5'], ['true']);
  assert.deepEqual(
    [unknown.status, unknown.stderr],
    [125, 'postern: Not a limit: "memory_mb"; did you mean "memory_mib"?\n'],
  );
  for (const limit of ['processes=0', 'processes=1e3']) {
    assert.match(
      (await run(user, [limit], ['true'])).stderr,
      /^postern: Bad limit processes: expected a whole number from 1 to 1000000, not ".*"; write --limit processes=4096\n$/,
    );
  }
});
