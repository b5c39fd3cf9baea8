// What the kernel says of a gateway while it serves: it is confined as a plugin with egress `channel`, sees no file of the user's, and has no descriptor that
// leads to a secret. The supervisor and the plugin are looked at in the same way, so a look that finds nothing would be noticed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { DIST } from '../../shared/bundles.js';
import { startInternet } from '../docs/internet.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, users } from '../harness/users.js';
import { gatewayOf, HOST, OTHER, SECRET, writeScene } from './gateway-scene.js';

/** The plugin with this gateway has a listener at each of two ports. The channel comes behind them. */
const LISTENERS = ['socket', 'socket'];
const CHANNEL = ['pipe', 'socket'];
/** What Node opens for itself: its event loops, what wakes their threads, and /dev/null. */
const OF_NODE = ['anon_inode:[eventpoll]', 'anon_inode:[eventfd]', 'pipe', '/dev/null'];
const NONE = '0'.repeat(16);

for (const as of users) {
  test(`the running gateway has no capability, no network, no file of the user's and no descriptor to a secret (${as})`, async (t) => {
    const internet = await startInternet({ names: [HOST, OTHER] });
    t.after(() => internet.close());
    const home = readableFolder();
    writeFileSync(join(home, 'notes'), 'of the user');
    chownTo(as, home);
    const scene = writeScene(as, {
      command: ['sleep', '1000'],
      gateway: '{headers: {authorization: "Bearer {github}"}}',
    });
    const up = startPostern(['up', '--config', scene.config], {
      as,
      inside: internet.within,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: home, GITHUB_TOKEN: SECRET },
    });
    t.after(() => up.child.kill('SIGKILL'));
    const supervisor = up.child.pid ?? 0;
    // The program begins when its gateway serves.
    const plugin = await until(() => {
      if (up.child.exitCode !== null) throw new Error(up.said());
      return childrenOf(supervisor).find((one) => commandOf(one).startsWith('sleep 1000'));
    }, 20_000);
    const gateway = gatewayOf(supervisor) ?? 0;
    const broker = brokerOf(supervisor) ?? 0;
    assert.ok(gateway > 0 && broker > 0);

    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.equal(statusOf(gateway, set), NONE, set);
    assert.deepEqual([statusOf(gateway, 'Seccomp'), statusOf(gateway, 'NoNewPrivs')], ['2', '1']);
    assert.equal(statusOf(supervisor, 'NoNewPrivs'), '0');
    assert.doesNotMatch(statusOf(gateway, 'Uid'), /\b0\b/);
    assert.equal(limitOf(gateway, 'core'), limitOf(plugin, 'core'));
    assert.notEqual(limitOf(gateway, 'core'), limitOf(process.pid, 'core'));

    for (const kind of ['net', 'mnt', 'pid', 'ipc', 'uts', 'user']) {
      const own = namespaceOf(gateway, kind);
      for (const other of [process.pid, supervisor, broker, plugin])
        assert.notEqual(own, namespaceOf(other, kind), `${kind} of ${commandOf(other)}`);
    }
    assert.deepEqual([interfacesOf(gateway), interfacesOf(supervisor).includes('v0')], [['lo'], true]);

    const files = [join(home, 'notes'), scene.config, scene.audit, scene.token];
    const folders = [home, scene.folder, dirname(scene.token)];
    for (const path of [...files, ...folders]) {
      assert.ok(existsSync(`/proc/${supervisor}/root${path}`), path);
      assert.ok(!existsSync(`/proc/${gateway}/root${path}`), path);
    }
    // The plugin's working directory, in the same place.
    assert.ok(existsSync(`/proc/${plugin}/root${scene.folder}`));
    // It sees postern's own code, wherever that lies.
    const seen = (folder: string): readonly string[] => {
      const own = DIST.startsWith(`/${folder}/`) ? DIST.split('/')[folder.split('/').length + 1] : undefined;
      return readdirSync(`/proc/${gateway}/root/${folder}`).filter((name) => name !== own);
    };
    assert.deepEqual(seen('home'), ['plugin']);
    for (const folder of ['home/plugin', 'tmp', 'run']) assert.deepEqual(seen(folder), [], folder);

    const kinds = descriptorsOf(gateway);
    assert.deepEqual(kinds.slice(0, 7), ['/dev/null', 'pipe', 'pipe', ...LISTENERS, ...CHANNEL]);
    assert.deepEqual(
      kinds.slice(7).filter((kind) => !OF_NODE.includes(kind)),
      [],
    );
    assert.ok(!environmentOf(gateway).includes(SECRET.slice(0, 12)));
    assert.ok(environmentOf(supervisor).includes(SECRET));
    up.child.kill('SIGTERM');
    await up.result;
  });
}

function statusOf(pid: number, field: string): string {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(text)?.[1] ?? '';
}

function limitOf(pid: number, what: 'core'): string {
  const text = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return new RegExp(`^Max ${what} file size +(\\S+ +\\S+)`, 'm').exec(text)?.[1] ?? '';
}

const namespaceOf = (pid: number, kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);

/** Of its network namespace. */
function interfacesOf(pid: number): readonly string[] {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n');
  return lines.flatMap((line) => /^ *(\S+):/.exec(line)?.[1] ?? []);
}

/** What each descriptor leads to, in their order. A file is there by its path. */
function descriptorsOf(pid: number): readonly string[] {
  const numbers = readdirSync(`/proc/${pid}/fd`).map(Number);
  return numbers
    .sort((one, other) => one - other)
    .map((number) => readlinkSync(`/proc/${pid}/fd/${number}`).replace(/^(pipe|socket):\[\d+\]$/, '$1'));
}

const environmentOf = (pid: number): string => readFileSync(`/proc/${pid}/environ`, 'utf8');
