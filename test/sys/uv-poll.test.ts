import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { nodeOf } from '../harness/nodes.js';

const uvPoll = new URL('../../shared/sys/uv-poll.js', import.meta.url).href;
/** Node runs none of its own code between the arrival of the byte and the timer. */
const PROGRAM = `
  import { openSync } from 'node:fs';
  import { READABLE, Watch } from ${JSON.stringify(uvPoll)};
  const order = [];
  const settled = new Promise((resolve) => {
    const watch = new Watch(openSync('/proc/self/fd/0', 'r'), () => {
      watch.close();
      setTimeout(() => {
        order.push('timer');
        console.log(order.join());
      }, 200);
      resolve();
    });
    watch.want(READABLE);
  });
  await settled;
  order.push('promise');
`;

for (const [name, node] of [
  ['this Node', process.execPath],
  ['Node 26', nodeOf(26)],
] as const)
  test(`${name} continues a promise at once after its callback, not with the next timer`, () => {
    const words = ['-c', 'printf x | exec "$@"', 'sh', node, '--input-type=module', '--eval', PROGRAM];
    const { stdout, stderr, status } = spawnSync('sh', words, { encoding: 'utf8' });
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'promise,timer\n', stderr: '', status: 0 });
  });
