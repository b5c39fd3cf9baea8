// proves: G21
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerLine, RpcError } from '../../../sandbox/supervisor/control/rpc.js';
import { PosternError } from '../../../shared/errors.js';

const call = (method: string, params: unknown): unknown => {
  if (method === 'echo') return Promise.resolve(params);
  if (method === 'nothing') return undefined;
  if (method === 'fail')
    throw new PosternError('unknown_plugin', 'There is no plugin "x"', { fix: 'name one of a, b' });
  if (method === 'bug') throw new TypeError('secret path');
  throw new RpcError('method', 'There is no such method');
};
const answer = (line: string): Promise<unknown> => answerLine(line, call);
const codeOf = (value: unknown): unknown => (value as { error?: { code: number } }).error?.code;

test('answerLine() answers a request under its id, with null for nothing', async () => {
  for (const id of [1, 'a', null, 0, -1.5])
    assert.deepEqual(await answer(JSON.stringify({ jsonrpc: '2.0', id, method: 'echo', params: { x: 1 } })), {
      jsonrpc: '2.0',
      id,
      result: { x: 1 },
    });
  assert.deepEqual(await answer('{"jsonrpc":"2.0","id":1,"method":"nothing"}'), {
    jsonrpc: '2.0',
    id: 1,
    result: null,
  });
});

test('answerLine() answers no notification, not even one that fails', async () => {
  for (const method of ['echo', 'fail', 'bug', 'nope'])
    assert.equal(await answer(`{"jsonrpc":"2.0","method":"${method}"}`), undefined);
});

test('answerLine() refuses what is no JSON or no request', async () => {
  for (const line of ['{', 'null null', '\u0000', '{"jsonrpc":"2.0",}'])
    assert.equal(codeOf(await answer(line)), -32700, line);
  for (const line of [
    ...['null', '1', '"x"', '[]', '{}', '{"jsonrpc":"1.0","id":1,"method":"echo"}'],
    ...['{"jsonrpc":"2.0","id":{},"method":"echo"}', '{"jsonrpc":"2.0","id":1,"method":7}'],
    ...[
      '{"jsonrpc":"2.0","id":1,"method":"echo","params":"x"}',
      '{"jsonrpc":"2.0","id":true,"method":"echo"}',
    ],
    JSON.stringify(Array.from({ length: 65 }, () => ({ jsonrpc: '2.0', id: 1, method: 'echo' }))),
  ])
    assert.equal(codeOf(await answer(line)), -32600, line);
});

test('answerLine() survives deep nesting, and names that objects have', async () => {
  assert.equal(codeOf(await answer('['.repeat(30_000) + ']'.repeat(30_000))), undefined);
  for (const method of ['__proto__', 'constructor', 'toString'])
    assert.equal(codeOf(await answer(`{"jsonrpc":"2.0","id":1,"method":"${method}"}`)), -32601);
});

test('answerLine() answers each request of a batch, also beside broken ones', async () => {
  const batch =
    '[{"jsonrpc":"2.0","id":1,"method":"echo"},null,7,{"jsonrpc":"2.0","method":"echo"},{"id":2}]';
  const answers = (await answer(batch)) as { id: unknown; error?: { code: number } }[];
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.code]),
    [
      [1, undefined],
      [null, -32600],
      [null, -32600],
      [2, -32600],
    ],
  );
  assert.equal(await answer('[{"jsonrpc":"2.0","method":"echo"}]'), undefined);
});

test('answerLine() passes on the code and the fix of an error of postern, and nothing of a bug', async () => {
  assert.deepEqual(await answer('{"jsonrpc":"2.0","id":1,"method":"fail"}'), {
    jsonrpc: '2.0',
    id: 1,
    error: {
      code: -32000,
      message: 'There is no plugin "x"',
      data: { code: 'unknown_plugin', fix: 'name one of a, b' },
    },
  });
  const bug = await answer('{"jsonrpc":"2.0","id":1,"method":"bug"}');
  assert.equal(codeOf(bug), -32603);
  assert.doesNotMatch(JSON.stringify(bug), /secret/);
});
