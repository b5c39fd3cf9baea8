// sendfile(2) and splice(2) are refused with the errno at which programs fall back to read(2) and write(2).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../../harness/asked.js';
import { postern } from '../../harness/postern.js';
import { readableFile } from '../../harness/users.js';

/** More than a pipe or a socket takes at once. */
const CONTENT = randomBytes(3_000_000);
const SUM = createHash('sha256').update(CONTENT).digest('hex');

const COPY = `
import hashlib, shutil, socket, sys, threading
source = sys.argv[1]
def sum(path): return hashlib.sha256(open(path, "rb").read()).hexdigest()
shutil.copyfile(source, "/tmp/copyfile")
print("copyfile", sum("/tmp/copyfile"), flush=True)
near, far = socket.socketpair()
def send():
    near.sendfile(open(source, "rb"))
    near.close()
threading.Thread(target=send).start()
taken = hashlib.sha256()
while data := far.recv(65536): taken.update(data)
print("socket.sendfile", taken.hexdigest(), flush=True)
`;
const NGINX_CONF = `
daemon off; pid /tmp/nginx.pid; error_log stderr; events {}
http {
  sendfile off; access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen unix:/tmp/web.sock; location / { root /; } }
}`;
const SCRIPT = `
/usr/bin/python3 -c "$COPY" "$1"
echo cat $(busybox cat "$1" | sha256sum)
busybox cp "$1" /tmp/cp && echo cp $(sha256sum </tmp/cp)
echo "$NGINX_CONF" >/tmp/nginx.conf
nginx -p /tmp -c /tmp/nginx.conf &
echo nginx $(curl -s --retry 50 --retry-delay 1 --retry-all-errors --unix-socket /tmp/web.sock "http://localhost$1" | sha256sum)
kill $!
`;

for (const user of anyUser) {
  test(`programs that copy by sendfile(2) fall back, nginx with its option off (${user})`, async () => {
    const file = readableFile('content', '');
    writeFileSync(file, CONTENT);
    const { stdout, stderr } = await postern(
      [
        ...['run', '--visible', dirname(file)],
        ...['--env', `COPY=${COPY}`, '--env', `NGINX_CONF=${NGINX_CONF}`, '--'],
        ...['bash', '-c', SCRIPT, 'bash', file],
      ],
      { as: user },
    );
    const sums = [...stdout.matchAll(/^(\S+) ([0-9a-f]{64})/gm)].map(([, program, sum]) => [program, sum]);
    assert.deepEqual(
      sums,
      ['copyfile', 'socket.sendfile', 'cat', 'cp', 'nginx'].map((program) => [program, SUM]),
      stderr,
    );
  });
}
