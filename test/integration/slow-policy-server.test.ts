// A server of a signed policy that never ends its answer. The test waits for the time limit of a fetch, 30 s, so it has a file of its own: it runs beside
// the others.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { policyScene, policyServer, serves, signed } from './policy-scene.js';

for (const user of anyUser) {
  test(`the last good policy stays in force when the server does not end its answer (${user})`, async (t) => {
    const [server, one, other] = await Promise.all([
      policyServer(t),
      listen((socket) => socket.end()),
      listen((socket) => socket.end()),
    ]);
    t.after(() => Promise.all([one.close(), other.close()]));
    const [a, b] = [`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`];
    const scene = await policyScene(t, user, server, [one.port, other.port]);
    scene.write([a, b]);
    server.serve = serves(signed(`serial: 5\nallow: [${a}]\n`), '"5"');
    const up = scene.start();
    await up.next(`${one.port} connected`);
    // It would be put in force if the answer ended.
    const next = signed(`serial: 6\nallow: [${b}]\n`);
    let slow = 0;
    let ended = 0;
    server.serve = (_request, response) => {
      slow += 1;
      response.once('close', () => {
        ended += 1;
      });
      response.writeHead(200, { etag: '"6"' }).write(next);
    };
    await until(() => slow || undefined);
    await up.next(`${one.port} connected`);
    await up.next('signed policy: the server took more than 30 s (unavailable); serial 5 stays in force');
    await until(() => ended || undefined);
    await up.next(`${other.port} refused 111`);
    await up.next(`${one.port} connected`);
    assert.doesNotMatch(up.said(), new RegExp(`^tries +\\| ${one.port} refused`, 'm'));
    assert.equal(await other.allConnections(), 0);
    assert.match(
      up.stdout(),
      /^\{"event":"policy",[^\n]*"serial":5,"result":"unavailable","message":"the server took more than 30 s"/m,
    );
    assert.equal(await up.metric('postern_signed_policy_serial'), '5');
    assert.ok(Number(await up.metric('postern_signed_policy_fetches_total{result="unavailable"}')) >= 1);
    const { stdout } = await postern(['status', '--control', join(scene.folder, 'control.sock')], {
      as: user,
    });
    assert.match(
      stdout,
      /^signed policy: serial 5, .*; the last look for it failed: the server took more than 30 s$/m,
    );
    server.serve = serves(next, '"6"');
    await up.next(`${other.port} connected`);
    await up.next(`${one.port} refused 111`);
    assert.equal(await up.metric('postern_signed_policy_serial'), '6');
    assert.equal(await up.stop(), 0);
  });
}
