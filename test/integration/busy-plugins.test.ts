// proves: G9
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const BUSY_LOOPS = 8;
const PLUGINS = ['one', 'two', 'three', 'four', 'five', 'six'] as const;
const SECONDS = 4;
let program = '';
before(() => {
  program = compile(new URL('busy-plugin.c', import.meta.url));
});

for (const user of anyUser) {
  test(`plugins that map memory while they connect are not blamed for busy processors (${user})`, async () => {
    const upstream = await listen((socket) => socket.resume());
    const metrics = await freePort();
    const config = join(readableFolder(), 'postern.yaml');
    const plugin = {
      command: [program, `${upstream.port}`, `${SECONDS}`],
      allow: [`127.0.0.1:${upstream.port}`],
    };
    const plugins = Object.fromEntries(PLUGINS.map((name) => [name, plugin]));
    writeFileSync(config, JSON.stringify({ metrics: `127.0.0.1:${metrics}`, plugins }));
    const loops = Array.from({ length: BUSY_LOOPS }, () => spawn('sh', ['-c', 'while :; do :; done']));
    const { child, result, stdout } = startPostern(['up', '--config', config], { as: user });
    let page = '';
    const measured = (): readonly string[] =>
      [...stdout().matchAll(/measured (.*)/g)].map(([, text]) => text ?? '');
    try {
      await until(() => measured().length === PLUGINS.length || undefined, 40_000).catch(() => undefined);
      page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    } finally {
      for (const loop of loops) loop.kill('SIGKILL');
      child.kill('SIGTERM');
    }
    const { stderr } = await result;
    await upstream.close();
    const said = stderr.replace(/^\{"event":"decision".*\n/gm, '');
    assert.equal(measured().length, PLUGINS.length, said);
    for (const text of measured()) {
      const { count, failed } = JSON.parse(text);
      assert.ok(count > 10 && failed === 0, text);
    }
    assert.doesNotMatch(said, /"event":"slow"/);
    const stalls = [...page.matchAll(/^postern_slow_touches_total\{.*$/gm)].map(([line]) => line);
    assert.equal(stalls.length, 3 * PLUGINS.length);
    assert.deepEqual(
      stalls.filter((line) => !line.endsWith(' 0')),
      [],
    );
  });
}
