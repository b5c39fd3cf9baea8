// `postern report` writes what a person needs who looks for a fault, and nothing secret.
// proves: report: values of env and arguments of programs are masked
// proves: report: what is masked appears nowhere else
import assert from 'node:assert/strict';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

/** Each has this word. */
const SECRET = /s3cr3t/i;
/** It says its secrets wherever it can: in its output, in its state, in a name that is refused. */
const PROGRAM = `
import os, socket, sys
state = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
state.connect(os.environ["NOTIFY_SOCKET"])
state.send(("READY=1\\nSTATUS=" + os.environ["TOKEN"] + "other s3cr3t").encode())
for host in (os.environ["TOKEN"], os.environ["SHARED"], sys.argv[1].split("=")[1]):
    try: socket.getaddrinfo(host + ".example.com", 443)
    except OSError: pass
print(sys.argv, os.environ, flush=True)
sys.stdin.read()
os.pause() if hasattr(os, "pause") else __import__("signal").pause()
`;
const ENV = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', MY_TOKEN: 's3cr3t-of-the-starter' };

function configured(port: number): string {
  const file = {
    ...{ metrics: `127.0.0.1:${port}`, audit: './log', control: './c.sock' },
    ask: { hook: ['/usr/bin/true', '--key=s3cr3t-hook'] },
    defaults: { env: { SHARED: 'S3cr3t-Shared' } },
    plugins: {
      web: {
        command: ['/usr/bin/python3', '-c', PROGRAM, '--token=s3cr3t-argument', 'http://me:s3cr3t-pw@db/'],
        env: { TOKEN: 's3cr3t-token', QUOTED: 'a "s3cr3t"\nof two lines' },
        allow: ['api.example.com'],
        ready: { notify: true },
      },
    },
  };
  return `# s3cr3t-comment\n${JSON.stringify(file, null, 2)}\n`;
}

for (const as of userInTurn(0))
  test(`report has what happened, and no secret of env, configuration and command lines (${as})`, async (t) => {
    const cwd = readableFolder();
    chownTo(as, cwd);
    writeFileSync(join(cwd, 'postern.yaml'), configured(await freePort()));
    const { child, result } = startPostern(['up', '--config', 'postern.yaml'], {
      ...{ as, cwd, env: ENV, ownControl: true },
    });
    t.after(() => child.kill('SIGKILL'));
    const log = (): string => {
      try {
        return readFileSync(join(cwd, 'log'), 'utf8');
      } catch {
        return '';
      }
    };
    await until(() => /s3cr3t-argument\.example/.test(log()) || undefined);
    const config = join(cwd, 'postern.yaml');
    const { status, stdout, stderr } = await postern(['report', '--config', config], { as, cwd, env: ENV });
    child.kill('SIGTERM');
    await result;
    assert.deepEqual(
      [status, stdout],
      [0, 'postern-report.txt is written: read it before you send it\n'],
      stderr,
    );
    const path = join(cwd, 'postern-report.txt');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, 'utf8');
    assert.doesNotMatch(text, SECRET);
    for (const part of [
      ...[/^== versions ==\n[^=]*"postern": "\d/m, /^== doctor ==\n(ok|degraded) /m, /"api\.example\.com"/],
      ...[/"TOKEN": "\*\*\*"/, /"command": \[\s+"\/usr\/bin\/python3",\s+"\*\*\*",/, /^== status ==\n\{/m],
      ...[/^== top ==\n[^=]*"denials": 3/m, /^== denials ==\n[^=]*"\*\*\*\.example\.com"/m],
      ...[
        /^== audit log ==\n.* web: Cannot resolve "\*\*\*\.example\.com"/m,
        /^postern_plugin_up\{plugin="web"\} 1$/m,
      ],
    ])
      assert.match(text, part);
  });

for (const as of userInTurn(1)) {
  test(`report works when no postern runs, and quotes no file with mistakes (${as})`, async () => {
    const cwd = readableFolder();
    chownTo(as, cwd);
    const path = join(cwd, 'postern.yaml');
    for (const text of [
      'plugins: {web: {command: [node], evn: {A: s3cr3t}}}\n',
      'control: [s3cr3t\n- s3cr3t: {',
    ]) {
      writeFileSync(path, text);
      const report = join(cwd, `${text.length}.txt`);
      const done = await postern(['report', report, '--config', path], { as, cwd, env: ENV });
      assert.equal(done.status, 0, done.stderr);
      const written = readFileSync(report, 'utf8');
      assert.match(written, /^== configuration ==\nThe file has mistakes.*postern\.yaml:\d/m);
      assert.match(written, /^== metrics ==$/m);
      assert.doesNotMatch(written, SECRET);
    }
  });

  test(`report writes over no file, and follows no link (${as})`, async () => {
    const cwd = readableFolder();
    chownTo(as, cwd);
    writeFileSync(join(cwd, 'there'), 'mine');
    symlinkSync('elsewhere', join(cwd, 'link'));
    for (const name of ['there', 'link']) {
      const { status, stderr } = await postern(['report', name], { as, cwd, env: ENV });
      assert.deepEqual([status, /exists already/.test(stderr)], [1, true], stderr);
    }
    assert.equal(readFileSync(join(cwd, 'there'), 'utf8'), 'mine');
  });
}

// proves: report: the page of metrics leads nowhere else
for (const as of userInTurn(1))
  test(`report follows no redirect of the page of metrics, and masks headers of a gateway (${as})`, async (t) => {
    const cwd = readableFolder();
    chownTo(as, cwd);
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const gateway = { 'api.example.com': { headers: { authorization: 'Bearer s3cr3t-header' } } };
    const web = { command: ['true'], allow: ['api.example.com'], gateway };
    const path = join(cwd, 'postern.yaml');
    writeFileSync(path, JSON.stringify({ metrics: `127.0.0.1:${address.port}`, plugins: { web } }));
    const report = join(cwd, 'report.txt');
    const done = await postern(['report', report, '--config', path], { as, cwd, env: ENV });
    assert.equal(done.status, 0, done.stderr);
    assert.deepEqual(asked, ['/metrics']);
    assert.match(readFileSync(report, 'utf8'), /"authorization": "\*\*\*"/);
  });
