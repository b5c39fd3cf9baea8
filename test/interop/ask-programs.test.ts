// proves: G20
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { SteeredPlugin } from '../integration/ask-scene.js';

/** One user is enough: the programs see the same answers. */
const [user = 'user'] = anyUser;
const LITERAL = '93.184.216.40';
/** Enough that a blocked event loop would show. */
const TICKS = 10;

let net: PublicNet;
before(async () => {
  net = await startPublicNet(
    { 'api.example.com A': ['93.184.216.10'], 'api.example.com AAAA': ['2606:2800:220:1::10'] },
    [443, 8443],
  );
});
after(() => net.close());

function run(t: TestContext, command: readonly string[]): SteeredPlugin {
  const plugin = new SteeredPlugin(user, net, { command });
  t.after(() => plugin.stop());
  return plugin;
}

/** Waits until the program has gone on with other work while its look-up waits, and approves it then. */
async function approveAfterTicks(plugin: SteeredPlugin): Promise<void> {
  const { id } = await plugin.asked('api.example.com');
  const before = plugin.output.length;
  await plugin.line(() => plugin.output.filter((line) => line === 'tick').length >= before + TICKS);
  await plugin.say(`approve ${id} once`);
}

test('curl waits for the answer', async (t) => {
  const plugin = run(t, ['/usr/bin/curl', '-sS', 'http://api.example.com:443/']);
  const { id, program } = await plugin.asked('api.example.com');
  assert.equal(program, 'curl');
  await plugin.say(`approve ${id} once`);
  assert.deepEqual(await plugin.ended(), ['served api.example.com:443']);
});

test('the event loop of Node goes on while a look-up waits', async (t) => {
  const program = `
const timer = setInterval(() => console.log('tick'), 20);
fetch('http://api.example.com:443/').then((answer) => answer.text()).then((text) => {
  clearInterval(timer);
  console.log(text.trim());
});`;
  const plugin = run(t, [process.execPath, '-e', program]);
  await approveAfterTicks(plugin);
  assert.equal((await plugin.ended()).at(-1), 'served api.example.com:443');
});

test('the event loop of asyncio goes on while a look-up waits', async (t) => {
  const program = `
import asyncio
async def tick():
    while True:
        print("tick", flush=True)
        await asyncio.sleep(0.02)
async def main():
    ticks = asyncio.create_task(tick())
    reader, writer = await asyncio.open_connection("api.example.com", 443)
    ticks.cancel()
    writer.write(b"GET / HTTP/1.0\\r\\nHost: api\\r\\n\\r\\n")
    print((await reader.read()).decode().splitlines()[-1], flush=True)
asyncio.run(main())`;
  const plugin = run(t, ['/usr/bin/python3', '-c', program]);
  await approveAfterTicks(plugin);
  assert.equal((await plugin.ended()).at(-1), 'served api');
});

test('connect(2) on a non-blocking socket waits a few seconds. An approval then holds for the next attempt', async (t) => {
  const program = `
const net = require('node:net');
const attempt = () => net.connect(8443, '${LITERAL}')
  .on('connect', () => { console.log('connected'); process.exit(0); })
  .on('error', ({ code }) => { console.log(code); setTimeout(attempt, 3000); });
attempt();`;
  const plugin = run(t, [process.execPath, '-e', program]);
  const { id } = await plugin.asked(LITERAL);
  await plugin.line(({ out }) => out === 'ETIMEDOUT');
  await plugin.say(`approve ${id} once`);
  assert.deepEqual(await plugin.ended(), ['ETIMEDOUT', 'connected']);
  assert.equal(plugin.questions.length, 1);
});
