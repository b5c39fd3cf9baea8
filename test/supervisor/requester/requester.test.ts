import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerRequest } from '../../../sandbox/requester/messages.js';
import {
  Requester,
  requesterConfig,
  type StartOwn,
} from '../../../sandbox/supervisor/requester/requester.js';
import { PosternError } from '../../../shared/errors.js';
import { saying } from './own-process.js';

const PLACE = { host: 'server.example.com', port: 443 };
const CONFIG = requesterConfig('test.requests', PLACE, [], undefined);
const SETTINGS = { url: 'https://server.example.com/', roots: 'PEM' };
const REQUEST: ServerRequest = {
  ...{ method: 'POST', path: '/v1', headers: { authorization: 'Bearer x' } },
  ...{ body: 'b', mostBytes: 10 },
};
const TIMEOUT_MS = 30_000;

// proves: requests: the process reaches its server alone
test('the process that makes requests may connect to its server, and is confined as a plugin', () => {
  assert.deepEqual(CONFIG.allow, ['server.example.com:443']);
  const other = requesterConfig('x.y', { host: '2001:db8::1', port: 80 }, ['10.1.2.3:80'], undefined);
  assert.deepEqual(other.allow, ['[2001:db8::1]:80', '10.1.2.3:80']);
  assert.deepEqual([CONFIG.egress, CONFIG.writable, CONFIG.env], ['channel', [], {}]);
});

test('a request and its answer pass whole, and the process goes on', async () => {
  const start = saying('{"part":"YWI="}\n{"part":"Yw=="}\n{"status":503,"headers":{"retry-after":"7"}}\n');
  const requester = new Requester(start, CONFIG, SETTINGS);
  assert.deepEqual(await requester.send(REQUEST, TIMEOUT_MS), {
    ...{ kind: 'answer', status: 503, body: Buffer.from('abc') },
    headers: { 'content-encoding': undefined, etag: undefined, 'retry-after': '7' },
  });
  assert.deepEqual(
    (await start.heard).map((line) => JSON.parse(line)),
    [SETTINGS, REQUEST],
  );
  assert.equal(start.wasKilled(), false);
  await requester.close();
  assert.equal(start.wasKilled(), true);
});

// proves: requests: what is no answer ends the process
test('what is no answer ends the process, and is none', async () => {
  for (const words of ['no JSON', '{}', '{"status":"200"}', '{"status":1e9}', '[]']) {
    const start = saying(`${words}\n`);
    const { kind } = await new Requester(start, CONFIG, SETTINGS).send(REQUEST, TIMEOUT_MS);
    assert.deepEqual([kind, start.wasKilled()], ['none', true], words);
  }
});

// proves: requests: a slow server is given up
test('a slow server is given up, and its process with it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const start = saying('{"part":""}\n');
  const sent = new Requester(start, CONFIG, SETTINGS).send(REQUEST, TIMEOUT_MS);
  await new Promise(setImmediate);
  t.mock.timers.tick(TIMEOUT_MS);
  const late = new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('still waits'))));
  assert.deepEqual(await Promise.race([sent, late]), {
    ...{ kind: 'none', problem: 'the server took more than 30 s' },
  });
});

// proves: requests: the process cannot fill the memory
test('a process that says too much is ended', async () => {
  const start = saying(`{"part":"${'YWJj'.repeat(1000)}"}\n`, 1000);
  assert.deepEqual(await new Requester(start, CONFIG, SETTINGS).send(REQUEST, TIMEOUT_MS), {
    ...{ kind: 'none', problem: 'it says too much' },
  });
});

test('a process that dies is told, and the next request has another one', async () => {
  let deaths = 0;
  const requester = new Requester(saying(''), CONFIG, SETTINGS, () => {
    deaths += 1;
  });
  for (const expected of [1, 2]) {
    assert.equal((await requester.send(REQUEST, TIMEOUT_MS)).kind, 'none');
    assert.equal(deaths, expected);
  }
});

test('why the process does not start is the problem of the request', async () => {
  // The second is one that postern does not expect.
  for (const error of [new PosternError('launch_failed', 'No sandbox'), new Error('EMFILE: no descriptor')]) {
    const start: StartOwn = async () => {
      throw error;
    };
    assert.deepEqual(await new Requester(start, CONFIG, SETTINGS).send(REQUEST, TIMEOUT_MS), {
      ...{ kind: 'none', problem: error.message },
    });
  }
});
