import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { brokerOf } from '../harness/broker-of.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { users } from '../harness/users.js';

const client = readFileSync(new URL('../interop/postern_client.py', import.meta.url), 'utf8').replace(
  /\nif __name__ == [\s\S]*$/,
  '\n',
);
/** Keeps a connection open while the broker dies, then uses it, and asks for another. */
const PROGRAM = `
import sys
channel = Channel.from_environment()
port = int(sys.argv[1])
first = channel.connect("127.0.0.1", port)
print("open", flush=True)
sys.stdin.readline()
first.sendall(b"still here\\n")
print("echo", first.recv(100).decode().strip(), flush=True)
second = channel.connect("127.0.0.1", port)
second.sendall(b"again\\n")
print("echo", second.recv(100).decode().strip(), flush=True)
try:
    channel.connect("127.0.0.1", 1)
except OSError as error:
    print("refused", error.errno, flush=True)
`;

for (const user of users) {
  test(`a broker that is killed costs no plugin its life and no connection its bytes; the next one decides as before (${user})`, async () => {
    const echo = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    const { child, result } = startPostern(
      [
        ...['run', '--allow', `127.0.0.1:${echo.port}`, '--'],
        ...['/usr/bin/python3', '-c', client + PROGRAM, String(echo.port)],
      ],
      { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    let seen = '';
    child.stdout?.on('data', (text: string) => {
      seen += text;
    });
    await until(() => seen.includes('open') || undefined);
    const pid = child.pid ?? 0;
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const broker = await until(() => brokerOf(pid));
      process.kill(broker, 'SIGKILL');
      await until(() => {
        const next = brokerOf(pid);
        return next !== undefined && next !== broker ? true : undefined;
      });
    }
    child.stdin?.end('go\n');
    const { status, stdout, stderr } = await result;
    await echo.close();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, 'open\necho still here\necho again\nrefused 13\n');
  });
}
