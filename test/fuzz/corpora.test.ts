// proves: G8
// proves: G13
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../harness/patience.js';
import { readCorpus, readInput } from './corpus.js';
import { Finding, fuzz, processorMs } from './fuzz-loop.js';
import { openTarget, TARGET_NAMES } from './targets/index.js';

const SEED = 20_211;
const EXECUTIONS = 2000;
const MOST_MS = 500;

for (const name of TARGET_NAMES) {
  test(`${name}: every kept input, and some mutations of them, hold what the target promises`, async (t) => {
    const target = await openTarget(name);
    t.after(() => target.close?.());
    const corpus = readCorpus(name);
    assert.ok(corpus.length >= 15, `${corpus.length} kept inputs`);
    for (const { file, bytes } of corpus) {
      assert.ok(bytes.length <= target.maxBytes, `${file} is longer than the target's inputs`);
      await assert.doesNotReject(async () => target.run(Uint8Array.from(bytes)), file);
    }
    const start = performance.now();
    const { executions, outcomes } = await fuzz(target, {
      seed: SEED,
      corpus: corpus.map(({ bytes }) => bytes),
      batch: 16,
      // A busy machine may need all the time for the kept inputs.
      goOn: (progress) =>
        progress.executions <= corpus.length ||
        (progress.executions < EXECUTIONS && performance.now() - start < MOST_MS),
    });
    assert.ok(executions > corpus.length, 'mutations were tried');
    assert.ok(outcomes > 3, `${outcomes} outcomes`);
  });
}

test('a target that breaks its promise, or takes too long, is found by its input', async () => {
  const corpus = [Buffer.from('abc')];
  const goOn = (): boolean => true;
  const base = { name: 'broken', maxBytes: 16, slowMs: 20, tokens: ['needle'] };
  const throws = (bytes: Uint8Array): string => {
    assert.ok(!Buffer.from(bytes).includes('needle'));
    return 'none';
  };
  const waits = (bytes: Uint8Array): string => {
    const until = processorMs() + (bytes.length > 8 ? 25 : 0);
    while (processorMs() < until);
    return 'none';
  };
  const found = (error: unknown): boolean => error instanceof Finding && error.bytes.length > 5;
  await assert.rejects(fuzz({ ...base, run: throws }, { seed: 1, corpus, goOn }), found);
  await assert.rejects(
    fuzz({ ...base, run: waits }, { seed: 1, corpus, goOn }),
    /takes \d+ ms of a processor, more than 20 ms/,
  );
});

test('the same seed tries the same inputs', async () => {
  const tried = async (seed: number): Promise<string> => {
    const hash = createHash('sha256');
    const run = (bytes: Uint8Array): string => {
      hash.update(bytes).update('|');
      return String(bytes.length);
    };
    const target = { name: 'counted', maxBytes: 64, slowMs: 1000, tokens: ['a', 'b'], run };
    await fuzz(target, { seed, corpus: [Buffer.from('seed')], goOn: ({ executions }) => executions < 2000 });
    return hash.digest('hex');
  };
  assert.equal(await tried(1), await tried(1));
  assert.notEqual(await tried(1), await tried(2));
});

test('npm run fuzz prints its figures as JSON, and refuses an unknown target', () => {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-test-'));
  try {
    const args = [main, '--seconds', String(0.5 * PATIENCE), '--seed', '5', '--json', 'sockaddr'];
    const told = JSON.parse(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }));
    const [{ target, executions, rssMiB, finding }] = told.targets;
    assert.deepEqual([told.seed, target, finding], [5, 'sockaddr', undefined]);
    assert.ok(executions > 100 && rssMiB.length === 2);
    assert.deepEqual(readdirSync(folder), [], 'nothing was found');
    const { status, stderr } = spawnSync(process.execPath, [main, 'nothing'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /of the targets frame, /);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a kept input in hexadecimal may have remarks, and nothing else that is not hexadecimal', () => {
  const corpus = fileURLToPath(new URL('corpus/frame/hello.hex', import.meta.url));
  assert.deepEqual(readInput(corpus).subarray(0, 4), Uint8Array.from([0x82, 0xa2, 0x6f, 0x70]));
  assert.throws(() => readInput(fileURLToPath(new URL('no-such.hex', import.meta.url))), /ENOENT/);
});
