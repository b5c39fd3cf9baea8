import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser } from '../../harness/asked.js';
import { PATIENCE } from '../../harness/patience.js';
import { startPostern } from '../../harness/postern.js';
import { until } from '../../harness/until.js';
import { readableFile } from '../../harness/users.js';
import { BY_ADDRESS, CLOSED, CLOSED_NAME, HOST, OPEN_NAME, PORTS } from './addresses.js';
import { useNetwork } from './program.js';

const network = useNetwork();
const ADDRESS = `${HOST.four}:8000`;
const CONFIG = `
daemon off;
pid /tmp/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server {
    listen ${ADDRESS};
    location / { return 200 "served by nginx\\n"; }
    location /app/ { proxy_pass http://127.0.0.1:9000/; }
    location /closed { proxy_pass http://${CLOSED.four}:${PORTS.http}; }
  }
}`;

/** Asks from the town, as a stranger does. @returns status and body */
function call(path: string): string {
  const [program = '', ...words] = [
    ...network().town,
    'curl',
    '-sS',
    '-w',
    '%{http_code}',
    `http://${ADDRESS}${path}`,
  ];
  return spawnSync(program, words, { encoding: 'utf8', timeout: 20_000 * PATIENCE }).stdout;
}

for (const user of anyUser) {
  test(`nginx before an application serves strangers, and both reach only what is allowed (${user})`, async (t) => {
    const config = readableFile('nginx.conf', CONFIG);
    const app = readableFile('app.py', readFileSync(new URL('./app.py', import.meta.url), 'utf8'));
    const before = await network().heard();
    const { child, result } = startPostern(
      [
        ...['run', '--listen', `web=${ADDRESS}`, '--env', 'NGINX=3;', '--visible', config, '--visible', app],
        ...['--allow', `${OPEN_NAME}:${PORTS.http}`, '--allow', `${BY_ADDRESS.four}:${PORTS.http}`, '--'],
        ...['sh', '-c', `/usr/bin/python3 ${app} & exec nginx -e stderr -p /tmp -c ${config}`],
      ],
      { as: user, inside: network().host },
    );
    t.after(() => child.kill('SIGKILL'));
    // nginx may be up before the application is.
    await until(() => /welcome/.test(call(`/app/${OPEN_NAME}/${PORTS.http}`)) || undefined);
    assert.equal(call('/'), 'served by nginx\n200');
    assert.equal(call(`/app/${BY_ADDRESS.four}/${PORTS.http}`), 'welcome\n200');
    assert.match(call(`/app/${CLOSED_NAME}/${PORTS.http}`), /Name or service not known[\s\S]*503$/);
    assert.match(call(`/app/${CLOSED.four}/${PORTS.http}`), /\[Errno 13\] Permission denied[\s\S]*503$/);
    assert.match(call('/closed'), /502$/);
    assert.equal((await network().heard()).closed, before.closed, 'nobody outside heard a refused one');
    child.kill('SIGTERM');
    const { stderr } = await result;
    assert.match(stderr, /connect\(\) to 192\.31\.196\.12:8080 failed \(13: Permission denied\)/);
  });
}
