// A signed policy bounds the rules of `up`: the last good one stays in force, whatever its server does.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, inTurn } from '../harness/asked.js';
import { type Listener, listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';
import { policyScene, policyServer, serves, signed } from './policy-scene.js';

const closing = (): Promise<Listener> => listen((socket) => socket.end());

for (const user of users) {
  // proves: policy: without one nothing is allowed
  // proves: policy: nothing is in force without its signature
  // proves: policy: an older one does not come back
  // proves: policy: only an answer of status 200 is one
  if (inTurn(user, 2))
    test(`nothing starts without a policy, and the last good one stays in force (${user})`, async (t) => {
      const [server, one, other] = await Promise.all([policyServer(t), closing(), closing()]);
      t.after(() => Promise.all([one.close(), other.close()]));
      const [a, b] = [`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`];
      const scene = await policyScene(t, user, server, [one.port, other.port]);
      scene.write([a]);
      const up = scene.start();
      await up.next('signed policy: the server answered with status 404 (unavailable); there is none yet');
      assert.deepEqual(await up.status(), {
        serial: null,
        checked: null,
        problem: 'the server answered with status 404',
        beyond: [],
      });
      assert.equal(up.said().includes('began'), false);
      server.serve = serves(signed(`serial: 5\nallow: [${a}, ${b}]\n`), '"5"');
      await up.next(`${one.port} connected`);
      assert.equal(await up.metric('postern_signed_policy_serial'), '5');
      // Nothing of these is ever in force: each would open the other port, or close the first one.
      const stranger = generateKeyPairSync('ed25519').privateKey;
      const bad: readonly (readonly [text: string, why: string])[] = [
        [signed('serial: 6\nallow: []\n', stranger), 'its signature is not that of the public key (invalid)'],
        [
          'serial: 6\nallow: []\n',
          'it does not begin with the line of a signature: # postern-policy ed25519 SIGNATURE (invalid)',
        ],
        [signed('serial: 6\nallow: [not a rule]\n'), '(invalid)'],
        [
          signed('serial: 6\nallow: []\n').replace('allow', 'deny '),
          'its signature is not that of the public key (invalid)',
        ],
        [signed('allow: []\n'), 'it has no serial (invalid)'],
        [signed('serial: 4\nallow: []\n'), 'its serial 4 is lower than 5, which came before it (older)'],
        [
          signed('serial: 5\nallow: []\n'),
          'its serial 5 is that of the policy before it, and its rules are others (invalid)',
        ],
      ];
      for (const [text, why] of bad) {
        server.serve = serves(text, '"bad"');
        await up.next(`${why}; serial 5 stays in force`);
      }
      const elsewhere = await closing();
      t.after(() => elsewhere.close());
      server.serve = (_request, response) =>
        response
          .writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` })
          .end(signed('serial: 6\nallow: []\n'));
      await up.next('the server answered with status 302 (unavailable); serial 5 stays in force');
      assert.equal(await elsewhere.allConnections(), 0);
      assert.equal((await up.status())?.serial, 5);
      assert.equal((await up.status())?.problem, 'the server answered with status 302');
      assert.equal(await up.metric('postern_signed_policy_serial'), '5');
      assert.notEqual(await up.metric('postern_signed_policy_fetches_total{result="older"}'), undefined);
      assert.match(
        up.stdout(),
        /^\{"event":"policy",[^\n]*"serial":5,"result":"older","message":"its serial 4 /m,
      );
      server.serve = serves(signed(`serial: 5\nallow: [${a}, ${b}]\n`), '"5"');
      await up.next('signed policy: the server has no other policy');
      await until(() => server.asked().at(-1) === '"5"' || undefined);
      await up.next(`${one.port} connected`);
      assert.doesNotMatch(up.said(), new RegExp(`^tries +\\| ${one.port} refused`, 'm'));
      assert.equal(await other.allConnections(), 0);
      assert.equal(await up.stop(), 0);
    });

  // proves: policy: no rule that is added goes beyond it
  // proves: a rule with which nothing would start is not added
  if (inTurn(user, 0))
    test(`a rule that an operator adds goes no further than the policy, and leads to no socket of postern's (${user})`, async (t) => {
      const [server, one, other, third] = await Promise.all([
        policyServer(t),
        closing(),
        closing(),
        closing(),
      ]);
      t.after(() => Promise.all([one.close(), other.close(), third.close()]));
      const [a, b, c] = [`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`, `127.0.0.1:${third.port}`];
      const scene = await policyScene(t, user, server, [one.port, other.port, third.port]);
      const socket = join(scene.folder, 'control.sock');
      scene.write([a]);
      server.serve = serves(signed(`serial: 1\nallow: [${a}, ${b}, "unix:${socket}"]\n`), '"1"');
      const up = scene.start();
      await up.next(`${one.port} connected`);
      const control = await rawControl(socket);
      t.after(() => control.socket.destroy());
      const before = readFileSync(join(scene.folder, 'postern.yaml'), 'utf8');
      control.send(request(1, 'allow', { plugin: 'tries', rule: c }));
      control.send(request(2, 'allow', { plugin: 'tries', rule: `unix:${socket}` }));
      const [beyond, command] = (await control.answers(2)).toSorted((x, y) => Number(x.id) - Number(y.id));
      assert.match(beyond?.error?.message ?? '', /Cannot write the rule .* goes beyond the signed policy/);
      assert.match(command?.error?.message ?? '', /leads to a control socket of postern/);
      assert.equal(readFileSync(join(scene.folder, 'postern.yaml'), 'utf8'), before);
      control.send(request(3, 'allow', { plugin: 'tries', rule: b }));
      await up.next(`${other.port} connected`);
      assert.equal(await third.allConnections(), 0);
      assert.equal(await up.stop(), 0);
    });

  // proves: policy: its deny rules hold for every plugin
  // proves: policy: a file that goes beyond it is refused at a reload
  if (inTurn(user, 0))
    test(`a policy takes rules away, also after a restart without its server, and a file cannot take them back (${user})`, async (t) => {
      const [server, one, other] = await Promise.all([policyServer(t), closing(), closing()]);
      t.after(() => Promise.all([one.close(), other.close()]));
      const [a, b] = [`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`];
      const scene = await policyScene(t, user, server, [one.port, other.port]);
      scene.write([a, b]);
      server.serve = serves(signed(`serial: 1\nallow: [${a}, ${b}]\n`), '"1"');
      const up = scene.start();
      await up.next(`${other.port} connected`);
      server.serve = serves(signed(`serial: 2\nallow: [${a}]\n`), '"2"');
      await up.next(`tries: "${b}" goes beyond the signed policy and is not in force: it allows "${b}"`);
      await up.next(`${other.port} refused 111`);
      await up.next(`${one.port} connected`);
      assert.deepEqual((await up.status())?.beyond, [{ plugin: 'tries', what: b, example: b }]);
      assert.equal(await up.metric('postern_signed_policy_rules_beyond'), '1');
      scene.write([a, b], { env: { OTHER: '1' } });
      up.child.kill('SIGHUP');
      await up.next('is not put in force: the former configuration stays');
      assert.match(
        up.stderr(),
        /the rule "[^"]+" \(\.\/postern\.yaml:1\) goes beyond the signed policy, serial 2: it allows "/,
      );
      scene.write([a], { env: { OTHER: '1' } });
      up.child.kill('SIGHUP');
      await up.next('was read again; restarted: tries');
      assert.equal(await up.stop(), 0);
      server.close();
      scene.write([a, b]);
      const again = scene.start();
      await again.next('(unavailable); serial 2 stays in force');
      await again.next(`${other.port} refused 111`);
      await again.next(`${one.port} connected`);
      assert.equal((await again.status())?.serial, 2);
      const heard = await other.allConnections();
      await again.next(`${other.port} refused 111`);
      assert.equal(await other.allConnections(), heard);
      assert.equal(await again.stop(), 0);
    });

  if (inTurn(user, 1))
    test(`a policy bounds the requests of a gateway (${user})`, async (t) => {
      const [server, one] = await Promise.all([policyServer(t), closing()]);
      t.after(() => one.close());
      const place = `127.0.0.1:${one.port}`;
      const scene = await policyScene(t, user, server, [one.port]);
      const gateway = { 'api.example.com': { allow: ['GET /**', 'POST /**'] } };
      scene.write([place, 'api.example.com'], { gateway });
      const requests = 'gateway: {api.example.com: {allow: [read-only]}}';
      server.serve = serves(signed(`serial: 1\nallow: ["${place}", api.example.com]\n${requests}\n`), '"1"');
      const up = scene.start();
      await up.next('"gateway.api.example.com: POST /**" goes beyond the signed policy and is not in force');
      await up.next(`${one.port} connected`);
      assert.deepEqual((await up.status())?.beyond, [
        { plugin: 'tries', what: 'gateway.api.example.com: POST /**', example: 'POST /' },
      ]);
      assert.equal(await up.stop(), 0);
    });

  // proves: policy: a reload neither takes it away nor brings one
  if (inTurn(user, 2))
    test(`a file without its policy is no way past it while postern runs (${user})`, async (t) => {
      const [server, one, other] = await Promise.all([policyServer(t), closing(), closing()]);
      t.after(() => Promise.all([one.close(), other.close()]));
      const [a, b] = [`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`];
      const scene = await policyScene(t, user, server, [one.port, other.port]);
      server.serve = serves(signed(`serial: 1\nallow: [${a}]\n`), '"1"');
      scene.write([a]);
      const up = scene.start();
      await up.next(`${one.port} connected`);
      scene.write([a, b], {}, { policy: undefined });
      up.child.kill('SIGHUP');
      await up.next('is not put in force: the former configuration stays');
      assert.match(
        up.stderr(),
        /policy: it was there when postern started, and a reload changes nothing of it/,
      );
      await up.next(`${other.port} refused 111`);
      assert.equal(await other.allConnections(), 0);
      assert.equal(await up.metric('postern_signed_policy_serial'), '1');
      assert.equal(await up.stop(), 0);
    });

  // proves: policy: no plugin writes where it is kept
  test(`no plugin writes the policy that is kept (${user})`, async (t) => {
    const server = await policyServer(t);
    const scene = await policyScene(t, user, server, []);
    server.serve = serves(signed('serial: 1\n'), '"1"');
    const state = readdirSync(scene.state);
    assert.deepEqual(state, ['postern']);
    scene.write([], {
      command: [
        'sh',
        '-c',
        `cd ${scene.state}/postern/policy && rm -f *; echo removed $?; echo x >y; echo wrote $?; sleep 1000`,
      ],
      filesystem: { writable: [scene.state] },
    });
    const up = scene.start();
    await up.next('| wrote');
    assert.match(up.said(), /\| removed 1\n/);
    assert.match(up.said(), /\| wrote [12]\n/);
    assert.match(readdirSync(join(scene.state, 'postern/policy')).join(), /^postern-[0-9a-f]{12}\.yaml$/);
    assert.equal(await up.stop(), 0);
  });
}

for (const user of anyUser) {
  // proves: requests: an answer without an end is not read without end
  test(`an answer without end, one that is encoded and one that breaks off are none (${user})`, async (t) => {
    const server = await policyServer(t);
    const scene = await policyScene(t, user, server, []);
    scene.write([]);
    const up = scene.start();
    await up.next('there is none yet');
    server.serve = (_request, response) => response.writeHead(200).end(Buffer.alloc(2 * 1024 * 1024, '# \n'));
    await up.next('the answer has more than 1024 KiB (unavailable)');
    server.serve = (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(signed('serial: 1\n'));
    await up.next('the answer is encoded (unavailable)');
    server.serve = (_request, response) => {
      response
        .writeHead(200, { 'content-length': '1000' })
        .write(signed('serial: 1\n'), () => response.destroy());
    };
    await up.next('aborted (unavailable)');
    assert.equal(await up.stop(), 0);
  });

  // proves: policy: nobody approves what it does not allow
  test(`check names the mistakes of policy, and takes a signed policy as boundary (${user})`, async () => {
    const cwd = readableFolder();
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(join(cwd, 'rsa.pem'), pair.publicKey.export({ type: 'spki', format: 'pem' }));
    const config = {
      policy: { url: 'ftp://policy.example.com/', public_key: 'rsa.pem', addresses: ['example.com'] },
      plugins: { agent: { command: ['sleep', '1'], unknown: 'ask', allow: ['*.example.com'] } },
    };
    writeFileSync(join(cwd, 'postern.yaml'), JSON.stringify(config));
    const { stdout, status } = await postern(['check'], { as: user, cwd });
    assert.equal(status, 1);
    assert.match(stdout, /policy\.url: not a URL of a policy/);
    assert.match(stdout, /policy\.public_key: .*holds no public Ed25519 key/);
    assert.match(stdout, /policy\.addresses\[0\]: "example\.com" is no address/);
    assert.match(stdout, /plugins\.agent\.unknown: with policy nobody is asked/);
    writeFileSync(
      join(cwd, 'other.yaml'),
      JSON.stringify({ plugins: { agent: { command: ['sleep', '1'], allow: ['*.example.com'] } } }),
    );
    writeFileSync(join(cwd, 'signed.yaml'), signed('serial: 3\nallow: [api.example.com]\n'));
    const within = await postern(['check', 'other.yaml', '--within', 'signed.yaml'], { as: user, cwd });
    assert.equal(within.status, 1);
    assert.match(within.stdout, /plugins\.agent: \*\.example\.com:443 .*is allowed, and not by the boundary/);
  });
}
