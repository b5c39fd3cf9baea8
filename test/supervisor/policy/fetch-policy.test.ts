import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import {
  fetcherConfig,
  fetchPolicy,
  type StartOwn,
} from '../../../sandbox/supervisor/policy/fetch-policy.js';
import { Sandbox } from '../../../sandbox/supervisor/start/sandbox.js';
import type { PolicyConfig } from '../../../shared/config/policy-config.js';
import { PosternError } from '../../../shared/errors.js';
import { readSealedFile } from '../../../shared/sys/memory-file.js';

const POLICY: PolicyConfig = {
  ...{ url: 'https://policy.example.com/x.yaml?token=1', pollMs: 1000, publicKey: '/etc/key.pem' },
  ...{ addresses: ['10.1.2.3:443'], via: undefined },
};
const CONFIG = fetcherConfig(POLICY);
const FOREVER: Promise<never> = new Promise(() => {});

/** A process that says something and ends. @param ended missing: at once. It also resolves when it is killed */
function saying(words: string, ended?: Promise<unknown>): StartOwn & { settings?: string } {
  const start: StartOwn & { settings?: string } = async (_config, streams) => {
    const { descriptors } = streams();
    const [settings, stdout] = descriptors;
    assert.ok(settings !== undefined && stdout !== undefined);
    start.settings = Buffer.from(readSealedFile(settings.number) ?? []).toString();
    writeSync(stdout.number, words);
    for (const descriptor of descriptors) descriptor.close();
    const sandbox = new Sandbox(0, undefined, undefined);
    let kill = (): void => {};
    const killed = new Promise<void>((resolve) => {
      kill = resolve;
    });
    const end = { kind: 'exited', status: 0 } as const;
    const over = ended === undefined ? Promise.resolve(end) : Promise.race([ended, killed]).then(() => end);
    return Object.assign(sandbox, { ended: over, kill });
  };
  return start;
}

// proves: policy: who fetches it reaches its server alone
test('the process that fetches a policy may connect to its server, and is confined as a plugin', () => {
  const allowed = (url: string): readonly string[] => fetcherConfig({ ...POLICY, url, addresses: [] }).allow;
  assert.deepEqual(CONFIG.allow, ['policy.example.com:443', '10.1.2.3:443']);
  assert.deepEqual(allowed('http://policy.example.com/'), ['policy.example.com:80']);
  assert.deepEqual(allowed('http://[2001:db8::1]:8080/'), ['[2001:db8::1]:8080']);
  assert.deepEqual([CONFIG.egress, CONFIG.writable, CONFIG.env], ['channel', [], {}]);
});

test('fetchPolicy() gives what the server has, and takes the word of the process for nothing else', async () => {
  const start = saying('{"kind":"policy","etag":"\\"1\\"","body":"YWJj"}\n');
  assert.deepEqual(await fetchPolicy(start, CONFIG, POLICY.url, undefined), {
    ...{ kind: 'policy', etag: '"1"', bytes: Buffer.from('abc') },
  });
  assert.match(start.settings ?? '', /"url":"https:\/\/policy\.example\.com\/x\.yaml\?token=1"/);
  const answers: readonly (readonly [words: string, etag: string | undefined, kind: string])[] = [
    ['{"kind":"same"}', '"1"', 'same'],
    ['{"kind":"same"}', undefined, 'unavailable'],
    ['{"kind":"policy"}', undefined, 'unavailable'],
    ['{"kind":"other","body":"YWJj"}', undefined, 'unavailable'],
    ['no JSON', undefined, 'unavailable'],
    ['', undefined, 'unavailable'],
  ];
  for (const [words, etag, kind] of answers)
    assert.equal((await fetchPolicy(saying(words), CONFIG, POLICY.url, etag)).kind, kind, words);
  const bad = await fetchPolicy(
    saying('{"kind":"policy","etag":"a\\r\\nb","body":""}'),
    CONFIG,
    POLICY.url,
    undefined,
  );
  assert.deepEqual(bad.kind === 'policy' && bad.etag, undefined);
});

// proves: policy: a slow server is given up
test('fetchPolicy() gives a slow server up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const fetched = fetchPolicy(saying('', FOREVER), CONFIG, POLICY.url, undefined);
  await new Promise(setImmediate);
  t.mock.timers.tick(30_000);
  const late = new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('still waits'))));
  assert.deepEqual(await Promise.race([fetched, late]), {
    ...{ kind: 'unavailable', problem: 'the server took more than 30 s' },
  });
});

// proves: policy: who fetches it cannot fill the memory
test('fetchPolicy() ends a process that says too much', async () => {
  let kill = (): void => {};
  const start: StartOwn = async (_config, streams) => {
    const { descriptors } = streams();
    const [settings, stdout, stderr] = descriptors;
    assert.ok(settings !== undefined && stdout !== undefined && stderr !== undefined);
    settings.close();
    stderr.close();
    const killed = new Promise<void>((resolve) => {
      kill = resolve;
    });
    // More than a policy has, in pieces that the pipe takes.
    const written = (async () => {
      for (let at = 0; at < 40; at += 1) {
        writeSync(stdout.number, 'x'.repeat(60_000));
        await new Promise(setImmediate);
      }
    })();
    const ended = Promise.race([killed, written]).then(() => ({ kind: 'exited', status: 0 }) as const);
    void ended.then(() => stdout.close());
    return Object.assign(new Sandbox(0, undefined, undefined), { ended, kill });
  };
  assert.deepEqual(await fetchPolicy(start, CONFIG, POLICY.url, undefined), {
    ...{ kind: 'unavailable', problem: 'it says too much' },
  });
});

test('fetchPolicy() tells why the process does not start', async () => {
  const start: StartOwn = async () => {
    throw new PosternError('launch_failed', 'No sandbox');
  };
  assert.deepEqual(await fetchPolicy(start, CONFIG, POLICY.url, undefined), {
    ...{ kind: 'unavailable', problem: 'No sandbox' },
  });
});
