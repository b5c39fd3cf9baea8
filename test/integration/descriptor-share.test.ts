import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { Ports } from '../interop/side-by-side.js';

const THREADS = 1000;
const FEW = ['prlimit', '--nofile=1024:1024', '--'];
/** Root could raise the limit of its broker again. */
const CANNOT_RAISE = ['setpriv', '--bounding-set', '-sys_resource', '--inh-caps', '-sys_resource', '--'];

/** Connects that hang, from as many threads. It prints how many were refused, and goes on to hang. */
const HOG = `
import errno, socket, sys, threading, time
threading.stack_size(65536)
refused, others = [], []
def hang():
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        others.append(0)
    except OSError as error:
        (refused if error.errno == errno.EAGAIN else others).append(error.errno)
for _ in range(${THREADS}):
    threading.Thread(target=hang, daemon=True).start()
for _ in range(200):
    if len(refused) > ${THREADS / 4}: break
    time.sleep(0.1)
time.sleep(1)
print("hog", len(refused), others, flush=True)
time.sleep(600)
`;
/** Once the file is there, connects one after the other. It prints the errnos. */
const BESIDE = `
import os, socket, sys, time
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
errnos = []
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10).close()
    except OSError as error:
        errnos.append(error.errno or str(error))
print("beside", errnos, flush=True)
time.sleep(600)
`;

let ports: Ports;
before(async () => {
  ports = await Ports.start();
});
after(() => ports.close());

for (const user of anyUser) {
  // proves: a call that waits counts for its share of descriptors
  test(`a plugin whose connects hang leaves its neighbours their descriptors (${user})`, async (t) => {
    const port = await freePort();
    const folder = readableFolder();
    const config = join(folder, 'postern.yaml');
    const go = join(folder, 'go');
    const python = (text: string, ...words: unknown[]): string[] => [
      ...['/usr/bin/python3', '-c', text],
      ...words.map(String),
    ];
    const allow = [`127.0.0.1:${ports.open.port},${ports.full}`];
    const plugins = {
      hog: { command: python(HOG, ports.full), allow },
      beside: { command: python(BESIDE, ports.open.port, go), allow, filesystem: { visible: [folder] } },
    };
    writeFileSync(config, JSON.stringify({ metrics: `127.0.0.1:${port}`, audit: '/dev/null', plugins }));
    const { child, result, said } = startPostern(['up', '--config', config], {
      as: user,
      through: user === 'root' ? [...CANNOT_RAISE, ...FEW] : FEW,
    });
    t.after(async () => {
      child.kill('SIGTERM');
      await result;
    });
    const line = (name: string): Promise<RegExpExecArray> =>
      until(() => new RegExp(`${name} (.*)$`, 'm').exec(said()) ?? undefined, 30_000).catch(() =>
        assert.fail(said().slice(-2000)),
      );
    const [, count] = /^(\d+) \[\]$/.exec((await line('hog \\| hog'))[1] ?? '') ?? assert.fail(said());
    assert.ok(Number(count) > THREADS / 4, `${count} were refused`);
    writeFileSync(go, '');
    assert.equal((await line('beside \\| beside'))[1], '[]');
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const refusals = (plugin: string): number =>
      Number(
        page
          .split(`\npostern_limit_rejections_total{plugin="${plugin}",limit="broker_descriptors"} `)[1]
          ?.split('\n')[0],
      );
    assert.equal(refusals('beside'), 0);
    // On a busy machine some threads may begin after the hog has counted.
    assert.ok(refusals('hog') >= Number(count), `${refusals('hog')} of ${count}`);
    assert.ok(page.includes('\npostern_broker_restarts_total 0\n'));
  });
}
