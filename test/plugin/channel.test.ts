// The channel over a fake broker: order of replies, load, and the end of a channel.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { explainOver } from '../../sandbox/plugin/explain.js';
import { openChannelOver } from '../../sandbox/plugin/open-channel.js';
import { encodeReply } from '../../shared/protocol/replies.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { until } from '../harness/until.js';
import { countDescriptors, expectDescriptors } from './descriptors.js';
import { withBroker } from './with-broker.js';

const someDescriptor = (): OwnedFd => new OwnedFd(openSync('/dev/null', 'r'));

test('replies in any order find their requests', () =>
  withBroker(
    async ({ broker, connect, serve }) => {
      const ports = await Promise.all(['a', 'b', 'c'].map((name) => serve((socket) => socket.end(name))));
      const connecting = ports.map((port) => connect({ port }));
      const asked = await until(() => (broker.connects().length === 3 ? broker.connects() : undefined));
      for (const { id, port } of asked.toReversed()) broker.dial(id, port);
      const sockets = await Promise.all(connecting);
      const heard = await Promise.all(sockets.map(async (socket) => String((await once(socket, 'data'))[0])));
      assert.deepEqual(heard, ['a', 'b', 'c']);
    },
    ({ op }) => op === 'connect',
  ));

test('1,000 connects at once are all served', () =>
  withBroker(async ({ broker, connect, serve }) => {
    const port = await serve((socket) => socket.end('x'));
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => connect({ port })));
    const heard = await Promise.all(sockets.map(async (socket) => String((await once(socket, 'data'))[0])));
    assert.equal(heard.join(''), 'x'.repeat(1000));
    assert.equal(new Set(broker.connects().map(({ id }) => id)).size, 1000);
  }));

test('requests wait in order while the pipe is full, up to a bound, and are served later', () =>
  withBroker(async ({ broker, connect }) => {
    broker.pause();
    const connecting = Array.from({ length: 5000 }, (_, index) =>
      connect({ host: 'denied.example', port: index }).then(
        () => 'connected',
        (error: { code: string; reason: string }) => `${error.code} ${error.reason}`,
      ),
    );
    assert.equal(await connecting.at(-1), 'EAGAIN concurrency_limited');
    broker.goOn();
    const ends = await Promise.all(connecting);
    const served = ends.findIndex((end) => end !== 'EACCES no_rule');
    assert.ok(served > 4096 && served < 4200, `${served} were served`);
    assert.ok(ends.slice(served).every((end) => end === 'EAGAIN concurrency_limited'));
    assert.deepEqual(
      broker.connects().map((request) => request.port),
      Array.from({ length: served }, (_, index) => index),
    );
  }));

test('after a resumed hello unanswered requests are sent again under new ids, and late sockets are closed', () =>
  withBroker(
    async ({ broker, connect, serve }) => {
      let closed = 0;
      const port = await serve((socket) => {
        socket.on('close', () => {
          closed += 1;
        });
        socket.end('hello');
      });
      const connecting = connect({ port, timeout: 5000 });
      const [first] = await until(() => (broker.connects().length === 1 ? broker.connects() : undefined));
      broker.resume();
      const [, second] = await until(() => (broker.connects().length === 2 ? broker.connects() : undefined));
      assert.notEqual(second?.id, first?.id);
      assert.ok((second?.timeout_ms ?? 0) <= 5000);
      broker.dial(first?.id ?? 0, port);
      await until(() => closed === 1 || undefined);
      broker.dial(second?.id ?? 0, port);
      const [bytes] = await once(await connecting, 'data');
      assert.equal(String(bytes), 'hello');
    },
    ({ op }) => op === 'connect',
  ));

test('a request that waited for room when another broker took over is sent once', () =>
  withBroker(async ({ broker, connect, serve }) => {
    const port = await serve((socket) => socket.end('x'));
    const first = connect({ port });
    await first;
    broker.pause();
    const connecting = Array.from({ length: 40 }, () => connect({ port }));
    broker.resume();
    // A timer could run before the hello is read.
    for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    broker.goOn();
    await Promise.all(connecting);
    const ids = broker.connects().map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    // The pipe held 16 of the 40, which this broker reads as well as what is asked again.
    assert.equal(ids.length, 1 + 40 + 16);
  }));

test('when the broker closes the channel, waiting and later requests are rejected with EPIPE', () =>
  withBroker(async ({ broker, connect, channel }) => {
    const connecting = connect({ host: 'silent.example' });
    const explaining = explainOver(() => channel, { host: 'silent.example', port: 1 });
    const rejected = Promise.all([
      assert.rejects(connecting, { code: 'EPIPE', message: /channel .* has ended: the broker closed it/ }),
      assert.rejects(explaining, { code: 'EPIPE' }),
    ]);
    await until(() => (broker.requests.length === 3 ? true : undefined));
    broker.close();
    await rejected;
    await assert.rejects(connect({}), {
      name: 'PosternError',
      code: 'EPIPE',
      fix: /Start the program again/,
    });
  }));

test('a request to a broker that has just gone is rejected with EPIPE', () =>
  withBroker(async ({ broker, connect }) => {
    broker.close();
    await assert.rejects(connect({}), { code: 'EPIPE', message: /writing a request failed with EPIPE/ });
  }));

const strange: [string, RegExp, (id: number) => [Uint8Array, OwnedFd[]]][] = [
  ['bytes that are no reply', /malformed/, () => [Buffer.from('nonsense'), []]],
  [
    'a socket and one more',
    /more than one/,
    (id) => [encodeReply({ id, ok: true }), [someDescriptor(), someDescriptor()]],
  ],
  ['a connected reply without a socket', /did not fit/, (id) => [encodeReply({ id, ok: true }), []]],
  [
    'a failure with a descriptor',
    /did not fit/,
    (id) => [
      encodeReply({ id, ok: false, errno: 'EACCES', reason: 'no_rule', message: '' }),
      [someDescriptor()],
    ],
  ],
  [
    'an explanation for a connect',
    /did not fit/,
    (id) => [encodeReply({ id, ok: true, decision: 'allow', reason: 'rule' }), []],
  ],
  [
    'a hello with a descriptor',
    /hello came with/,
    () => [encodeReply({ op: 'hello', version: 1 }), [someDescriptor()]],
  ],
  ['another version', /version 2/, () => [encodeReply({ op: 'hello', version: 2 }), []]],
  ['a reply past 16 KiB', /was cut/, () => [new Uint8Array(20_000), [someDescriptor()]]],
];
for (const [what, why, make] of strange) {
  test(`the channel ends on ${what}, and keeps no descriptor`, () =>
    withBroker(async ({ broker, connect }) => {
      const connecting = connect({ host: 'silent.example' });
      const rejected = assert.rejects(connecting, { code: 'EPIPE', message: why });
      const { id } = await until(() => broker.connects()[0]);
      broker.replyBytes(...make(id));
      await rejected;
      await until(() => broker.ended);
      assert.equal(broker.ended, 'closed');
    }));
}

test('a descriptor that is no stream fails only its own connect', () =>
  withBroker(
    async ({ broker, connect }) => {
      const connecting = connect({});
      const { id } = await until(() => broker.connects()[0]);
      const before = countDescriptors();
      broker.reply({ id, ok: true }, [someDescriptor()]);
      await assert.rejects(connecting);
      await expectDescriptors(before);
      const again = connect({});
      const asked = await until(() => broker.connects()[1]);
      broker.reply({ id: asked.id, ok: false, errno: 'EACCES', reason: 'no_rule', message: 'No' });
      await assert.rejects(again, { code: 'EACCES' });
    },
    ({ op }) => op === 'connect',
  ));

test('explain() returns a refusal as a value, and rejects other failures', () =>
  withBroker(
    async ({ channel }) => {
      const explain = (host: string) => explainOver(() => channel, { host, port: 443 });
      assert.deepEqual(await explain('fine.example'), { decision: 'allow', reason: 'rule' });
      assert.deepEqual(await explain('denied.example'), {
        decision: 'deny',
        reason: 'no_rule',
        message: 'Cannot connect to "denied.example:443": no rule allows "denied.example"',
        suggestion: 'denied.example:443',
      });
      await assert.rejects(explain('busy.example'), { code: 'EAGAIN', reason: 'rate_limited' });
      await assert.rejects(
        explainOver(() => channel, { host: 'x', port: 1.5 }),
        { code: 'ERR_SOCKET_BAD_PORT' },
      );
    },
    (request, broker) => {
      if (request.op !== 'explain' || request.host !== 'busy.example') return false;
      broker.reply({ id: request.id, ok: false, errno: 'EAGAIN', reason: 'rate_limited', message: 'Busy' });
      return true;
    },
  ));

test('openChannel() returns two descriptors, and close() closes them', () =>
  withBroker(async ({ broker, channel }) => {
    const child = await openChannelOver(() => channel);
    assert.deepEqual(child.env, { POSTERN_REQUEST_FD: '3', POSTERN_REPLY_FD: '4' });
    assert.notEqual(child.requestFd, child.replyFd);
    child.close();
    child.close();
    const [session] = broker.children;
    await until(() => session?.ended);
  }));

test('openChannel() keeps no descriptor where the broker dies or is replaced between the two parts', () =>
  withBroker(
    async ({ broker, channel }) => {
      const opening = openChannelOver(() => channel);
      const rejected = assert.rejects(opening, { code: 'EPIPE' });
      const asked = () => broker.requests.filter(({ op }) => op === 'open_channel');
      const [first] = await until(() => (asked().length === 1 ? asked() : undefined));
      const before = countDescriptors();
      const id = (request: unknown): number => (request as { id: number }).id;
      broker.reply({ id: id(first), ok: true, part: 'request' }, [someDescriptor()]);
      await until(() => countDescriptors() === before + 1 || undefined);
      broker.resume();
      const [, second] = await until(() => (asked().length === 2 ? asked() : undefined));
      broker.reply({ id: id(first), ok: true, part: 'reply' }, [someDescriptor()]);
      await expectDescriptors(before);
      broker.reply({ id: id(second), ok: true, part: 'request' }, [someDescriptor()]);
      await until(() => countDescriptors() === before + 1 || undefined);
      broker.close();
      await rejected;
    },
    ({ op }) => op === 'open_channel',
  ));

test('a reply to an earlier program on the channel is ignored', () =>
  withBroker(async ({ broker, connect }) => {
    const connecting = connect({ host: 'denied.example' });
    broker.reply({ id: 0, ok: true }, [someDescriptor()]);
    await assert.rejects(connecting, { code: 'EACCES' });
  }));
