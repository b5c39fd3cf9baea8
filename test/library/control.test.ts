// An application's supervisor is asked and steered over its control socket, as `up` is.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { postern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';
import { sceneCommand } from './scene.js';

const HOSTILE = readFileSync(new URL('../escape/control-socket.py', import.meta.url), 'utf8');
const CLIENT = fileURLToPath(new URL('../harness/control_client.py', import.meta.url));
const SCRIPT = `
import json, sys
sys.path.insert(0, sys.argv[2])
from control_client import ControlClient, Refused

client = ControlClient(sys.argv[1])
told = {"config": client.call("supervisor")["config"]}
answer = client.call("explain", plugin="talker", host="api.example.com", port=443, resolved=["93.184.216.34"])
told["explain"] = answer["decision"]
told["plugins"] = [plugin["name"] for plugin in client.call("status")["plugins"]]
for method in ("reload", "logs"):
    try:
        client.call(method)
    except Refused as refusal:
        told[method] = refusal.code
print(json.dumps(told))
`;

interface Status {
  readonly plugins: readonly { readonly name: string; readonly state: string; readonly pid: number | null }[];
  readonly asks: readonly { readonly id: string; readonly plugin: string }[];
}

for (const user of anyUser) {
  // proves: control: a plugin does not see its supervisor's socket
  test(`the commands and a Python client steer an embedded supervisor, and no plugin does (${user})`, async (t) => {
    const folder = readableFolder();
    const path = join(folder, 'c.sock');
    mkdirSync(join(folder, 'open'));
    for (const one of [folder, join(folder, 'open')]) chownTo(user, one);
    chmodSync(join(folder, 'open'), 0o777);
    const [program = '', ...args] = sceneCommand('control-scene', path, user);
    const app = spawn(program, [...args, folder, HOSTILE], { cwd: '/tmp' });
    t.after(() => app.kill('SIGKILL'));
    const ended = new Promise((resolve) => app.once('close', resolve));
    let [said, trouble] = ['', ''];
    app.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    app.stderr.setEncoding('utf8').on('data', (text: string) => {
      trouble += text;
    });
    const line = (index: number): Promise<Record<string, unknown>> =>
      until(() => {
        assert.equal(trouble, '');
        const lines = said.split('\n').slice(0, -1);
        const text = lines[index];
        return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
      }, 60_000);
    const { found, itself, pids, ...codes } = await line(0);
    assert.match(String(found), /^kind no socket\nask E[A-Z]+\nreplace (?:E[A-Z]+ ){3}E[A-Z]+\ndone\n$/);
    assert.match(String(itself), /No process of postern may ask/);
    assert.deepEqual(codes, {
      second: 'control_socket',
      unsafe: 'control_socket',
      missing: 'control_socket',
      leads: 'path_not_apart',
    });
    assert.equal(statSync(path).mode & 0o777, 0o600);

    const ask = (...words: readonly string[]) => postern([...words, '--control', path], { as: user });
    const status = async (): Promise<Status> => JSON.parse((await ask('status', '--json')).stdout) as Status;
    const pidOf = async (name: string): Promise<number | null | undefined> =>
      (await status()).plugins.find((plugin) => plugin.name === name)?.pid;
    assert.deepEqual([await pidOf('talker'), await pidOf('quiet')], pids);
    await until(async () => (await ask('denials', 'talker')).stdout.includes('192.0.2.7:99') || undefined);
    assert.equal((await ask('connections')).status, 0);
    const [open] = await until(async () => {
      const { asks } = await status();
      return asks.length > 0 ? asks : undefined;
    });
    assert.equal(open?.plugin, 'asks');
    assert.equal((await ask('approve', open.id, '--scope', 'rule')).status, 1, 'there is no file for a rule');
    assert.equal((await ask('deny', open.id)).status, 0);
    const { stdout, stderr } = spawnSync('python3', ['-B', '-c', SCRIPT, path, dirname(CLIENT)], {
      encoding: 'utf8',
      timeout: 60_000 * PATIENCE,
    });
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), {
      config: null,
      explain: 'allow',
      plugins: ['talker', 'quiet', 'asks', 'seeker'],
      reload: -32601,
      logs: -32601,
    });

    assert.equal((await ask('stop', 'quiet')).status, 0);
    const { stopped, left } = await line(1);
    assert.equal(stopped, 'operator');
    assert.ok((left as string[]).includes('quiet'), 'an operator may start it again');
    assert.equal((await ask('start', 'quiet')).status, 0);
    await until(async () => (await pidOf('quiet')) ?? undefined);
    app.stdin.end();
    await ended;
    assert.equal(trouble, '');
    assert.ok(!existsSync(path), 'the socket stayed');
  });
}
