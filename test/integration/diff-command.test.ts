// `diff` and `check --within` tell which destinations a configuration opens.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const config = (plugins: Readonly<Record<string, object>>): string =>
  JSON.stringify({
    plugins: Object.fromEntries(
      Object.entries(plugins).map(([name, rules]) => [name, { command: ['sleep', '1'], ...rules }]),
    ),
  });

for (const user of anyUser) {
  test(`a reload tells what it opens and closes (${user})`, async (t) => {
    const cwd = readableFolder();
    const write = (allow: readonly string[]): void =>
      writeFileSync(
        join(cwd, 'postern.yaml'),
        config({ agent: { allow, command: ['sh', '-c', 'echo up; sleep 1000'] } }),
      );
    write(['a.example.com', 'c.example.com']);
    const { child, result, said } = startPostern(['up'], { as: user, cwd });
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('agent | up') || undefined, 30_000);
    write(['b.example.com:8443', 'c.example.com']);
    child.kill('SIGHUP');
    await until(() => said().includes('agent: closes') || undefined, 30_000).catch(() => assert.fail(said()));
    assert.match(said(), /with other rules: agent\n.*agent: opens b\.example\.com:8443\n/);
    assert.match(said(), /agent: closes a\.example\.com:443 \(rule "a\.example\.com"\)\n/);
    assert.doesNotMatch(said(), /c\.example\.com/);
    child.kill('SIGTERM');
    await result;
  });

  test(`diff tells what a change opens and closes, and its exit status whether anything differs (${user})`, async () => {
    const cwd = readableFolder();
    writeFileSync(
      join(cwd, 'before.yaml'),
      config({
        agent: { allow: ['*.example.com', '10.0.0.0/8:5432'] },
        old: { allow: ['db.example.com:5432'] },
      }),
    );
    writeFileSync(
      join(cwd, 'after.yaml'),
      config({
        agent: { allow: ['*.example.com:443,8443', '10.0.0.0/8:5432'], deny: ['10.1.0.0/16'] },
        new: { allow: ['unix:/run/x.sock'] },
      }),
    );
    const differs = await postern(['diff', 'before.yaml', 'after.yaml'], { as: user, cwd });
    assert.equal(differs.stderr, '');
    assert.equal(
      differs.stdout,
      [
        'agent',
        '  opens   *.example.com:8443 (rule "*.example.com:443,8443")',
        '  closes  10.1.0.0/16:5432 (rule "10.0.0.0/8:5432")',
        'old',
        '  closes  db.example.com:5432',
        'new',
        '  opens   unix:/run/x.sock',
        '',
      ].join('\n'),
    );
    assert.equal(differs.status, 1);
    const same = await postern(['diff', 'after.yaml', 'after.yaml'], { as: user, cwd });
    assert.deepEqual([same.stdout, same.status], ['No destination differs\n', 0]);
    const gateway = { 'api.example.com': { deny: ['DELETE /**'] } };
    writeFileSync(join(cwd, 'with.yaml'), config({ agent: { allow: ['api.example.com'], gateway } }));
    writeFileSync(join(cwd, 'without.yaml'), config({ agent: { allow: ['api.example.com'] } }));
    const opened = await postern(['diff', 'with.yaml', 'without.yaml'], { as: user, cwd });
    assert.deepEqual(opened.stdout.split('\n'), [
      'agent',
      '  opens   DELETE api.example.com/ (no more denied by "DELETE /**")',
      '  opens   DELETE,* api.example.com: paths that servers may read in more than one way',
      '  its gateway differs',
      '',
    ]);
    assert.equal(opened.status, 1);
    const other = { 'api.example.com': { allow: ['GET,HEAD /repos/**', 'POST /repos/*/issues'] } };
    const former = { 'api.example.com': { allow: ['GET /**', 'POST /repos/*/issues/**'] } };
    writeFileSync(join(cwd, 'other.yaml'), config({ agent: { allow: ['api.example.com'], gateway: other } }));
    writeFileSync(
      join(cwd, 'former.yaml'),
      config({ agent: { allow: ['api.example.com'], gateway: former } }),
    );
    const changed = await postern(['diff', 'former.yaml', 'other.yaml'], { as: user, cwd });
    assert.deepEqual(changed.stdout.split('\n'), [
      'agent',
      '  opens   HEAD api.example.com/repos (rule "GET,HEAD /repos/**")',
      '  closes  GET api.example.com/ (rule "GET /**")',
      '  closes  POST api.example.com/repos/x/issues/x (rule "POST /repos/*/issues/**")',
      '',
    ]);
    const missing = await postern(['diff', 'after.yaml', 'missing.yaml'], { as: user, cwd });
    assert.match(missing.stderr, /^postern: missing\.yaml: cannot be read: there is no such file/);
    assert.deepEqual([missing.stdout, missing.status], ['', 2]);
  });

  test(`check --within fails where a plugin may reach what the boundary does not, with an example (${user})`, async () => {
    const cwd = readableFolder();
    writeFileSync(
      join(cwd, 'boundary.yaml'),
      'allow: ["**.example.com", "@private:5432"]\ndeny: ["10.9.0.0/16"]\n',
    );
    writeFileSync(
      join(cwd, 'postern.yaml'),
      config({ agent: { allow: ['api.example.com', '10.1.0.0/16:5432'] } }),
    );
    const within = await postern(['check', '--within', 'boundary.yaml'], { as: user, cwd });
    assert.deepEqual([within.stdout, within.status], ['./postern.yaml: 1 plugin, 2 rules, 0 warnings\n', 0]);
    writeFileSync(
      join(cwd, 'postern.yaml'),
      config({ agent: { allow: ['10.0.0.0/8:5432', 'api.example.com:80'] } }),
    );
    const beyond = await postern(['check', '--within', 'boundary.yaml', '--json'], { as: user, cwd });
    assert.equal(beyond.status, 1);
    const report = JSON.parse(beyond.stdout) as {
      ok: boolean;
      beyond: { plugin: string; opens: { about: string; host: string; port: number; rule: string }[] }[];
    };
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.beyond.map(({ plugin, opens }) => [
        plugin,
        opens.map(({ about, port, rule }) => [about, port, rule]),
      ]),
      [
        [
          'agent',
          [
            ['api.example.com', 80, 'api.example.com:80'],
            ['10.9.0.0/16', 5432, '10.0.0.0/8:5432'],
          ],
        ],
      ],
    );
    const broken = await postern(['check', '--within', 'missing.yaml'], { as: user, cwd });
    assert.match(broken.stdout, /missing\.yaml: cannot be read/);
    assert.equal(broken.status, 1);
  });

  test(`check --within knows the requests that a gateway may let through, and who goes past it (${user})`, async () => {
    const cwd = readableFolder();
    writeFileSync(
      join(cwd, 'boundary.yaml'),
      'allow: ["*.example.com"]\ngateway:\n  api.example.com: {allow: [read-only], deny: ["* /admin/**"]}\n',
    );
    const told = async (agent: object): Promise<readonly string[]> => {
      writeFileSync(join(cwd, 'postern.yaml'), config({ agent }));
      const { stdout, status } = await postern(['check', '--within', 'boundary.yaml'], { as: user, cwd });
      const lines = stdout.split('\n').filter((line) => line.startsWith('beyond'));
      assert.equal(status, lines.length === 0 ? 0 : 1, stdout);
      return lines.map((line) => line.replace(/^beyond {3}plugins\.agent: /, ''));
    };
    const withGateway = (gateway: object): Promise<readonly string[]> =>
      told({ allow: ['*.example.com'], gateway: { 'api.example.com': gateway } });
    assert.deepEqual(await told({ allow: ['other.example.com'] }), []);
    assert.deepEqual(await withGateway({ allow: ['GET /repos/**'] }), []);
    assert.deepEqual(await withGateway({ allow: ['GET /**'], deny: ['* /admin/**'] }), []);
    assert.deepEqual(await withGateway({ allow: ['GET,POST /**'] }), [
      'POST api.example.com/ (rule "GET,POST /**") is allowed, and not by the boundary',
      'GET,POST api.example.com/admin (rule "GET,POST /**", denied there by "* /admin/**") is allowed, and not by the boundary',
    ]);
    assert.deepEqual(await told({ allow: ['*.example.com'] }), [
      'api.example.com:443 (rule "*.example.com") is allowed, and not by the boundary, where the boundary asks for a gateway',
    ]);
    writeFileSync(join(cwd, 'boundary.yaml'), 'gateway: {"*.example.com": {allow: ["GET"]}}\n');
    const broken = await postern(['check', '--within', 'boundary.yaml'], { as: user, cwd });
    assert.match(broken.stdout, /gateway\.\*\.example\.com.*a gateway is for one host/);
  });
}
