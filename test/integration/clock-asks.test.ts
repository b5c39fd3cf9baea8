// A wall clock that jumps by a day each way, while a question waits, an operator steers, the file is read again, and a connection ends: times and limits
// are those of a clock that does not.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { distWithJumpingClock } from '../harness/jumping-clock.js';
import { PATIENCE } from '../harness/patience.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

const [APPROVED, DENIED, LATER] = ['93.184.216.60', '93.184.216.61', '93.184.216.62'];
/** Long enough for the two approvals of a busy machine. The last question waits for all of it. */
const ASK_S = Math.min(120, 8 * PATIENCE);
/** Says how each connect ended and how long it took, in milliseconds. Holds the first connection for two seconds
 * and a quarter: its beginning and its end are in different phases of the clock. */
const PLUGIN = `
import os, socket, time
def attempt(host, hold=0):
    began = time.monotonic()
    try:
        with socket.create_connection((host, 443)):
            print("connected", host, int((time.monotonic() - began) * 1000), flush=True)
            time.sleep(hold)
    except OSError as error:
        print("errno", error.errno, host, int((time.monotonic() - began) * 1000), flush=True)
attempt("${APPROVED}", 2.25)
attempt("${APPROVED}")
attempt("${DENIED}")
attempt("${DENIED}")
while not os.path.exists("go"):
    time.sleep(0.05)
attempt("${LATER}")
time.sleep(1000)
`;

interface Status {
  readonly for_ms: number;
  readonly plugins: readonly { readonly state: string; readonly for_ms: number }[];
  readonly asks: readonly { readonly id: string; readonly since: string; readonly deadline: string }[];
}

let net: PublicNet;
before(async () => {
  net = await startPublicNet({}, [443]);
});
after(() => net.close());

let dist: string | undefined;
for (const user of anyUser)
  test(`with a clock that jumps, questions, the control socket, a reload and accounts keep their times (${user})`, async (t) => {
    dist ??= distWithJumpingClock();
    const began = performance.now();
    const folder = readableFolder();
    chownTo(user, folder);
    const [file, control, audit] = ['postern.yaml', 'c.sock', 'audit'].map((name) => join(folder, name));
    assert.ok(file !== undefined && control !== undefined && audit !== undefined);
    const configure = (allow: readonly string[]): void => {
      const asker = { command: ['/usr/bin/python3', '-c', PLUGIN], unknown: 'ask', allow };
      writeFileSync(file, JSON.stringify({ audit, ask: { timeout_s: ASK_S }, plugins: { asker } }));
    };
    configure([]);
    const words = ['up', '--config', file, '--control', control];
    const { child, result, stdout: said } = startPostern(words, { as: user, dist, inside: net.within });
    t.after(() => child.kill('SIGKILL'));
    const line = (pattern: RegExp): Promise<RegExpExecArray> =>
      until(() => pattern.exec(said()) ?? undefined, 60_000);
    await until(() => existsSync(control) || undefined, 30_000);
    const client = await rawControl(control);
    t.after(() => client.socket.destroy());
    let number = 0;
    const call = async (method: string, params: object = {}): Promise<unknown> => {
      number += 1;
      const wanted = number;
      client.send(request(wanted, method, params));
      const answer = await until(() => client.lines().find(({ id }) => id === wanted), 30_000);
      assert.equal(answer.error, undefined);
      return answer.result;
    };
    const status = async (): Promise<Status> => (await call('status')) as Status;
    const ask = await until(async () => (await status()).asks[0], 30_000);
    assert.equal(Date.parse(ask.deadline) - Date.parse(ask.since), ASK_S * 1000);
    // The clock has all of its three times meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const broker = brokerOf(child.pid ?? 0);
    await call('approve', { id: ask.id, scope: 'run' });

    const [, first = ''] = await line(/connected \S+60 (\d+)\n/);
    assert.ok(Number(first) >= 1_000, `the question waited for its answer: ${first}`);
    const [, third = ''] = await line(/errno 13 \S+61 (\d+)\n[\s\S]*errno 13 \S+61 \d+\n/);
    assert.ok(Number(third) >= ASK_S * 1000 - 50, `nobody answered, ${third}`);
    assert.equal(said().match(/connected \S+60 /g)?.length, 2);

    configure([`${LATER}:443`]);
    const unchanged = { added: [], removed: [], restarted: [] };
    assert.deepEqual(await call('reload'), {
      ...unchanged,
      changed: ['asker'],
      destinations: ['asker: opens 93.184.216.62:443'],
    });
    writeFileSync(join(folder, 'go'), '');
    await line(new RegExp(`connected ${LATER} `));

    // No figure is a day: each is less than the time of this test.
    const { for_ms: since, plugins, asks } = await status();
    const bound = performance.now() - began;
    assert.ok(since > 5_000 && since < bound, `${since} of ${bound}`);
    assert.deepEqual(asks, []);
    for (const plugin of plugins) {
      assert.equal(plugin.state, 'running');
      assert.ok(plugin.for_ms > 5_000 && plugin.for_ms < bound, `${plugin.for_ms} of ${bound}`);
    }
    assert.equal(brokerOf(child.pid ?? 0), broker, 'the broker is the first one');
    const shown = await postern(['status', '--control', control], { as: user });
    assert.match(shown.stdout, /^asker +running /m);
    child.kill('SIGTERM');
    const { status: ended, stderr } = await result;
    assert.equal(ended, 0);
    // What is approved for this run still is, and what nobody answered is not asked about again for a minute.
    assert.deepEqual(
      [...stderr.matchAll(/ asks for "(\S+):443"/g)].map(([, host]) => host),
      [APPROVED, DENIED],
    );

    const events = readFileSync(audit, 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    assert.ok(new Set(events.map(({ ts }) => ts.slice(0, 10))).size >= 2, 'the clock jumped');
    const [closed] = events.filter(({ event }) => event === 'closed');
    assert.ok(closed.duration_ms >= 1_900 && closed.duration_ms < bound, JSON.stringify(closed));
    for (const { connect_ms: ms } of events) assert.ok(ms == null || (ms >= 0 && ms < bound), `${ms}`);
    const heard = net.connections().filter((one) => one.endsWith(DENIED));
    assert.deepEqual(heard, []);
  });
