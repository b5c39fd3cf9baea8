// `import` writes a configuration that `check` accepts, and `run --srt-settings` is ruled by the settings of another tool.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { chownTo, readableFolder } from '../harness/users.js';

const FILES = {
  srt: '{"network": {"allowedDomains": ["api.example.com"], "allowAllUnixSockets": true}, "filesystem": {"allowWrite": ["."]}}',
  smokescreen:
    'version: v1\nservices:\n  - {name: One, action: enforce, allowed_domains: ["*.example.com"]}\n  - {name: two, action: report}\n',
  vscode: '{\n  // for agents\n  "chat.agent.allowedNetworkDomains": ["api.example.com"],\n}\n',
};

for (const as of anyUser) {
  for (const [kind, text] of Object.entries(FILES))
    test(`check accepts what import makes of ${kind} (${as})`, async () => {
      const cwd = readableFolder();
      chownTo(as, cwd);
      writeFileSync(join(cwd, 'settings'), text);
      const made = await postern(['import', kind, 'settings', '-o', 'made.yaml', '--', 'sleep', '1'], {
        as,
        cwd,
      });
      assert.equal(made.stderr, '');
      assert.match(made.stdout, /^Wrote made\.yaml\. Next: postern check made\.yaml\n$/);
      const printed = await postern(['import', kind, 'settings', '--', 'sleep', '1'], { as, cwd });
      assert.equal(printed.stdout, readFileSync(join(cwd, 'made.yaml'), 'utf8'));
      const checked = await postern(['check', 'made.yaml'], { as, cwd });
      assert.equal(checked.status, 0, checked.stderr + checked.stdout);
      const again = await postern(['import', kind, 'settings', '-o', 'made.yaml'], { as, cwd });
      assert.equal(again.status, 1);
      assert.match(again.stderr, /exists already/);
    });

  test(`import says what is wrong with its file (${as})`, async () => {
    const cwd = readableFolder();
    writeFileSync(join(cwd, 'broken.json'), '{\n  "network": {,}\n}');
    for (const [words, message] of [
      [['srt', 'broken.json'], /"broken\.json" is no JSON: \w+ in line 2/],
      [['srt', 'missing.json'], /"missing\.json" cannot be read: there is no such file/],
      [['srt', '/dev/zero'], /is not a regular file/],
      [
        ['other', 'broken.json'],
        /'other' is invalid for argument 'kind'\. Allowed choices are srt, smokescreen, vscode/,
      ],
    ] as const) {
      const { status, stderr } = await postern(['import', ...words], { as, cwd });
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    }
  });

  test(`run --srt-settings allows what these settings allow, and says what has no counterpart (${as})`, async () => {
    const heard: string[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (text) => {
        heard.push(String(text));
        socket.end();
      });
    });
    server.unref();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    const cwd = readableFolder();
    const settings = (domains: readonly string[]): void =>
      writeFileSync(
        join(cwd, 'settings.json'),
        JSON.stringify({ network: { allowedDomains: domains, allowAllUnixSockets: true } }),
      );
    const program = `exec 3<>/dev/tcp/127.0.0.1/${port} && echo hello >&3`;
    const run = async (): Promise<string> =>
      (await postern(['run', '--srt-settings', 'settings.json', '--', 'bash', '-c', program], { as, cwd }))
        .stderr;
    settings(['127.0.0.1']);
    assert.match(await run(), /network\.allowAllUnixSockets: has no counterpart/);
    assert.deepEqual(heard, ['hello\n']);
    settings(['127.0.0.2']);
    await run();
    assert.deepEqual(heard, ['hello\n']);
    server.close();
  });

  // proves: import: no program writes the settings that it is run by
  // proves: import: what cannot be denied here is not run
  test(`run --srt-settings runs nothing that could change the settings, or reach what they deny (${as})`, async () => {
    const cwd = readableFolder();
    const file = join(cwd, 'settings.json');
    const run = (text: object, program: string) => {
      writeFileSync(file, JSON.stringify(text));
      for (const path of [cwd, file]) chownTo(as, path);
      return postern(['run', '--srt-settings', 'settings.json', '--', 'sh', '-c', program], { as, cwd });
    };
    const settings = { filesystem: { allowWrite: ['.'] } };
    const change = 'echo "{}" >settings.json; mv settings.json away; echo tried >tried';
    await run(settings, change);
    assert.deepEqual(readFileSync(file, 'utf8'), JSON.stringify(settings));
    assert.equal(readFileSync(join(cwd, 'tried'), 'utf8'), 'tried\n');
    const denied = await run(
      { network: { allowedDomains: ['a.com'], deniedDomains: ['*.com'] } },
      'echo ran',
    );
    assert.equal(denied.stdout, '');
    assert.match(
      denied.stderr,
      /Cannot deny what "settings\.json" denies: network\.deniedDomains: "\*\.com"/,
    );
  });
}
