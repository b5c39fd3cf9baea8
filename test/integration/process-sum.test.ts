// The kernel counts the processes of all sandboxes for their owner too, against the limit that the makers of their namespaces had.
// proves: G8
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

/** postern's own limit. That of a plugin is 4096. */
const SOFT = 150;
const GREEDY = `
import os, time
made = 0
try:
    while made < ${SOFT + 50}:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError:
    pass
print("made", made, flush=True)
time.sleep(60)
`;
const NEIGHBOUR = `
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
try:
    if os.fork() == 0:
        os._exit(0)
    print("forked", flush=True)
except OSError as problem:
    print("refused", problem.strerror, flush=True)
time.sleep(60)
`;

// A user's plugins share the limit of that user.
// proves: limits: the processes of a plugin leave its neighbours room for some
for (const user of users.filter((one) => one === 'root'))
  test(`a plugin with many processes leaves its neighbour room for some (${user})`, async () => {
    const folder = readableFolder();
    const config = join(readableFolder(), 'postern.yaml');
    const python = (text: string, ...words: readonly string[]): readonly string[] => [
      ...['/usr/bin/python3', '-c', text],
      ...words,
    ];
    const plugins = {
      greedy: { command: python(GREEDY) },
      neighbour: {
        command: python(NEIGHBOUR, join(folder, 'go')),
        filesystem: { visible: [folder] },
      },
    };
    writeFileSync(config, JSON.stringify({ plugins }));
    const { child, result, stdout } = startPostern(['up', '--config', config], {
      as: user,
      shell: `ulimit -Su ${SOFT}; exec "$@"`,
    });
    const line = (of: string): Promise<string> =>
      until(() => new RegExp(`^${of} +\\| (.*)$`, 'm').exec(stdout())?.[1], 30_000);
    try {
      assert.equal(await line('greedy'), `made ${SOFT + 50}`);
      writeFileSync(join(folder, 'go'), '');
      assert.equal(await line('neighbour'), 'forked');
    } finally {
      child.kill('SIGKILL');
      await result;
    }
  });
