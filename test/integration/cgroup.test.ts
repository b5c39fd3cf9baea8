// proves: G8
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { type DelegatedCgroup, delegatedCgroup, whyNoCgroup } from '../harness/delegated-cgroup.js';
import { freePort } from '../harness/free-port.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';
import { gatewayOf, writeScene } from './gateway-scene.js';

/** Four processes of 30 MiB each. Each one alone is below the limit of 64. */
const TAKE = `
import os, time
for child in range(4):
    if os.fork() == 0:
        taken = bytearray(30 << 20)
        time.sleep(30)
time.sleep(30)`;
const FILL = `
with open("/tmp/large", "wb") as large:
    for part in range(100): large.write(bytes(1 << 20))
print("filled")`;
const FORK = `
import os, time
made = 1
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except BlockingIOError:
    pass
print("made", made, flush=True)
time.sleep(60)`;
/** Two processes that each use a processor for two seconds. */
const BUSY = `
import os, time
print("busy", flush=True)
end = time.monotonic() + 2
child = os.fork()
while time.monotonic() < end: pass
if child == 0: os._exit(0)
os.wait()
print("done", flush=True)
`;

const why = whyNoCgroup();

/** Runs it, and checks that its group is gone afterwards. */
async function within(user: User, work: (cgroup: DelegatedCgroup) => Promise<void>): Promise<void> {
  const cgroup = delegatedCgroup(user);
  await work(cgroup);
  await until(() => {
    try {
      cgroup.remove();
      return true;
    } catch {
      return undefined;
    }
  });
}

if (why !== undefined) {
  test(`control groups are unavailable here (${why}): a start that needs one is refused in one line with its fix`, async () => {
    for (const user of anyUser) {
      for (const limit of ['total_memory_mib=64', 'cpu_percent=50']) {
        const { status, stdout, stderr } = await postern(['run', '--limit', limit, '--', 'echo', 'started'], {
          as: user,
        });
        assert.deepEqual([status, stdout], [125, '']);
        assert.match(
          stderr,
          /^postern: Cannot limit (total_memory_mib|cpu_percent) of "echo" without a control group: .*; start postern in a delegated one, .*\n$/,
        );
      }
    }
  });
}

for (const user of why === undefined ? users : []) {
  test(`total_memory_mib bounds a whole sandbox with its /tmp; its end is reported and counted, and a neighbour lives on (${user})`, () =>
    within(user, async (cgroup) => {
      const port = await freePort();
      const config = join(readableFolder(), 'postern.yaml');
      const plugin = (script: string): string =>
        `{command: [/usr/bin/python3, -c, ${JSON.stringify(script)}], limits: {total_memory_mib: 64}}`;
      writeFileSync(
        config,
        `metrics: 127.0.0.1:${port}
plugins:
  takes: ${plugin(TAKE)}
  fills: ${plugin(FILL)}
  beside: {command: [sh, -c, "echo up; sleep 60"], limits: {total_memory_mib: 64}}
`,
      );
      const {
        child,
        result,
        stderr: errors,
        stdout: seen,
      } = startPostern(['up', '--config', config], {
        as: user,
        inside: cgroup.inside,
      });
      let page = '';
      const counted = (series: string): number => Number(page.split(`postern_${series} `)[1]?.split('\n')[0]);
      await until(async () => {
        page = await fetch(`http://127.0.0.1:${port}/metrics`).then(
          (answer) => answer.text(),
          () => '',
        );
        const ends = ['takes', 'fills'].map((name) =>
          counted(`plugin_exits_total{plugin="${name}",cause="oom"}`),
        );
        // The broker counts these, a moment later.
        const rejections = counted('limit_rejections_total{plugin="takes",limit="memory"}');
        return (seen().includes('up') && ends.every((count) => count === 1) && rejections >= 1) || undefined;
      }, 60_000).catch(() => assert.fail(`${seen()} ${errors()} ${page}`));
      assert.equal(counted('limit_rejections_total{plugin="beside",limit="memory"}'), 0);
      assert.equal(counted('plugin_up{plugin="beside"}'), 1);
      await until(() => cgroup.sandboxes().length === 1 || undefined);
      child.kill('SIGTERM');
      const { stdout, stderr } = await result;
      assert.match(stderr, /^postern: "takes" was ended by its limit total_memory_mib$/m);
      assert.match(stderr, /^postern: "fills" was ended by its limit total_memory_mib$/m);
      assert.equal(stdout, 'beside | up\n');
      assert.deepEqual(cgroup.sandboxes(), []);
    }));

  test(`a gateway is in the control group of its plugin, and so is the next one (${user})`, () =>
    within(user, async (cgroup) => {
      const scene = writeScene(user, {
        command: ['sh', '-c', 'echo up; sleep 60'],
        gateway: '{headers: {authorization: "Bearer {github}"}}',
        more: ['limits: {total_memory_mib: 256, processes: 20}'],
      });
      const { child, result, said, stdout } = startPostern(['up', '--config', scene.config], {
        as: user,
        inside: cgroup.inside,
      });
      await until(() => stdout().includes('| up') || undefined, 60_000).catch(() => assert.fail(said()));
      const [sandbox = ''] = cgroup.sandboxes();
      const first = gatewayOf(child.pid ?? 0) ?? 0;
      const isWithin = (pid: number): boolean =>
        readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().endsWith(`/${sandbox}`);
      assert.ok(isWithin(first), readFileSync(`/proc/${first}/cgroup`, 'utf8'));
      assert.equal(
        readFileSync(join(cgroup.folder, sandbox, 'pids.max'), 'utf8').trim(),
        String(20 + 1 + 64),
      );
      process.kill(first, 'SIGKILL');
      const next = await until(() => {
        const found = gatewayOf(child.pid ?? 0);
        return found === first ? undefined : found;
      }, 60_000);
      await until(() => isWithin(next) || undefined);
      child.kill('SIGTERM');
      await result;
    }));

  test(`cpu_percent bounds all processes together, and in a control group refusals by processes are counted (${user})`, () =>
    within(user, async (cgroup) => {
      const port = await freePort();
      const { child, result, stdout } = startPostern(
        [
          ...[
            'run',
            '--name',
            'busy',
            '--metrics',
            `127.0.0.1:${port}`,
            '--limit',
            'cpu_percent=25',
            '--limit',
            'processes=12',
          ],
          ...['--', '/usr/bin/python3', '-c', `${BUSY}${FORK}`],
        ],
        { as: user, inside: cgroup.inside },
      );
      /** Processor time of the sandbox so far, and the clock, in seconds. */
      const account = async (word: string): Promise<readonly [number, number]> => {
        await until(() => stdout().includes(word) || undefined, 60_000);
        const [name = ''] = cgroup.sandboxes();
        const text = readFileSync(join(cgroup.folder, name, 'cpu.stat'), 'utf8');
        return [Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) / 1e6, performance.now() / 1e3];
      };
      const [before, begin] = await account('busy');
      const [after, end] = await account('done');
      const share = (after - before) / (end - begin);
      assert.ok(share > 0.1 && share < 0.4, `${share} of a processor`);
      await until(() => stdout().includes('made') || undefined, 60_000);
      const made = Number(/made (\d+)/.exec(stdout())?.[1]);
      assert.ok(made === 12 || (user === 'user' && made === 13), stdout());
      const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const used = (series: string): number =>
        Number(new RegExp(`^postern_sandbox_${series}\\{plugin="busy"\\} (\\S+)$`, 'm').exec(page)?.[1]);
      assert.ok(used('cpu_seconds_total') >= after - before, page);
      assert.ok(used('memory_bytes') > 2 ** 20, page);
      for (const limit of ['cpu', 'processes'])
        assert.match(
          page,
          new RegExp(`^postern_limit_rejections_total\\{plugin="busy",limit="${limit}"\\} [1-9]`, 'm'),
        );
      child.kill('SIGTERM');
      await result;
    }));

  test(`a supervisor that was killed leaves a group, which the next start removes (${user})`, () =>
    within(user, async (cgroup) => {
      const options = ['run', '--limit', 'total_memory_mib=64', '--'];
      const { child, result } = startPostern([...options, 'sh', '-c', 'echo up; sleep 60'], {
        as: user,
        inside: cgroup.inside,
      });
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      const [left = ''] = cgroup.sandboxes();
      process.kill(Number(/^postern-(\d+)-/.exec(left)?.[1]), 'SIGKILL');
      await result;
      const inSupervisors = [
        'sh',
        '-c',
        `echo $$ >${cgroup.folder}/supervisor/cgroup.procs && exec "$@"`,
        'sh',
      ];
      await until(async () => {
        const { status, stderr } = await postern([...options, 'true'], { as: user, inside: inSupervisors });
        assert.equal(status, 0, stderr);
        return cgroup.sandboxes().length === 0 || undefined;
      }, 30_000);
    }));

  test(`a group with foreign processes, or one that is not delegated, refuses the start (${user})`, () =>
    within(user, async (cgroup) => {
      const other = spawn('sleep', ['60']);
      writeFileSync(join(cgroup.folder, 'cgroup.procs'), String(other.pid));
      const run = (inside: readonly string[]): Promise<PosternResult> =>
        postern(['run', '--limit', 'cpu_percent=50', '--', 'echo', 'started'], { as: user, inside });
      const beside = await run(cgroup.inside);
      other.kill('SIGKILL');
      assert.deepEqual([beside.status, beside.stdout], [125, '']);
      assert.match(
        beside.stderr,
        new RegExp(
          `has processes that are not postern's \\(${other.pid}\\); start postern in a delegated one, `,
        ),
      );
      if (user === 'root') return;
      const foreign = delegatedCgroup('root');
      const { status, stderr } = await run(foreign.inside);
      assert.equal(status, 125);
      assert.match(
        stderr,
        /^postern: Cannot limit cpu_percent of "echo" .*" is not writable; start postern in a delegated one, .*\n$/,
      );
      foreign.remove();
    }));
}
