// npm run soak [-- --connects N] [--plugins N] [--as root|user] [--json]: many connects of many plugins, and the memory of the supervisor and the
// broker meanwhile. Exit status: 0 where both stay flat in the last quarter, 1 where one grows, 2 for wrong usage.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, descriptorsOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

/** How often memory is read. */
const SAMPLES = 100;
/** How many of these readings are printed. */
const SHOWN = 20;
/** A heap that has reached its size still varies by this much. */
const SLACK_KIB = 8 * 1024;
const OWN_DESCRIPTORS = 16;
const DESCRIPTORS_AT_FIRST_USE = 4;
const START_MS = 900_000;
const RUN_MS = 1_800_000;

const PLUGIN = `
import os, socket, sys, time
port, count, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
print("up", flush=True)
while not os.path.exists(go):
    time.sleep(0.2)
for _ in range(count):
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), 60)
            break
        except OSError as error:
            print("failed", error, flush=True)
            time.sleep(0.2)
    sock.close()
print("done", flush=True)
time.sleep(3600)
`;

const { values } = parseArgs({
  options: {
    connects: { type: 'string', default: '200000' },
    plugins: { type: 'string', default: '200' },
    as: { type: 'string', default: users[0] ?? 'user' },
    json: { type: 'boolean', default: false },
  },
});
const [connects, plugins] = [Number(values.connects), Number(values.plugins)];
const user = users.find((name) => name === values.as);
if (!(plugins >= 1) || !(connects >= plugins * SAMPLES) || user === undefined) {
  console.error(`Usage: npm run soak -- --connects N --plugins N --as ${users.join('|')}`);
  process.exit(2);
}
const say = (text: string): void => {
  if (!values.json) console.log(text);
};

interface Sample {
  readonly connects: number;
  readonly seconds: number;
  readonly supervisorKib: number;
  readonly brokerKib: number;
}

const each = Math.floor(connects / plugins);
const all = each * plugins;
const upstream = await listen((socket) => socket.end());
const folder = readableFolder();
const shown = join(folder, 'shown');
mkdirSync(shown);
const go = join(shown, 'go');
const command = ['/usr/bin/python3', '-c', PLUGIN, String(upstream.port), String(each), go];
const plugin = { command, allow: [`127.0.0.1:${upstream.port}`], filesystem: { visible: [shown] } };
const names = Array.from({ length: plugins }, (_, index) => `p${index}`);
// The audit log would be the longest part of the work, and has its own tests.
const config = { audit: '/dev/null', plugins: Object.fromEntries(names.map((name) => [name, plugin])) };
writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
const { child, result } = startPostern(['up'], { as: user, cwd: folder, timeoutMs: START_MS + RUN_MS });
process.once('exit', () => child.kill('SIGKILL'));
const heard = { up: 0, done: 0, failed: 0 };
let errors = '';
child.stdout?.on('data', (text: string) => {
  for (const [, word] of text.matchAll(/\| (up|done|failed)/g)) heard[word as keyof typeof heard] += 1;
});
child.stderr?.on('data', (text: string) => {
  errors = (errors + text).slice(-2_000);
});
await until(() => heard.up === plugins || undefined, START_MS).catch((error: Error) => {
  throw new Error(`${error.message}: ${heard.up} of ${plugins} plugins run\n${errors}`);
});
say(`${plugins} plugins run`);
const supervisor = child.pid ?? 0;
const broker = await until(() => brokerOf(supervisor));
const descriptors = descriptorsOf(broker);
const samples: Sample[] = [];
const began = performance.now();
writeFileSync(go, '');
for (let part = 1; part <= SAMPLES; part += 1) {
  await until(() => upstream.connections() >= (all * part) / SAMPLES || undefined, RUN_MS);
  const sample: Sample = {
    connects: upstream.connections(),
    seconds: (performance.now() - began) / 1_000,
    supervisorKib: residentKib(supervisor),
    brokerKib: residentKib(broker),
  };
  samples.push(sample);
  const { supervisorKib, brokerKib } = sample;
  if (part % (SAMPLES / SHOWN) !== 0) continue;
  say(
    `${sample.connects} connects, ${sample.seconds.toFixed(1)} s: supervisor ${supervisorKib} KiB, broker ${brokerKib} KiB`,
  );
}
await until(() => heard.done === plugins || undefined, RUN_MS);
say(`broker: ${Math.round((processorMs(broker) * 1_000) / all)} µs of processor time a connect`);
// Some are opened at the first use: a few for the broker's threads, and for each plugin what reaches its processes.
const most = descriptors + OWN_DESCRIPTORS + plugins * DESCRIPTORS_AT_FIRST_USE;
await until(() => descriptorsOf(broker) <= most || undefined, 60_000);
say(`descriptors of the broker: ${descriptors} before, ${descriptorsOf(broker)} after`);
const problems: string[] = [];
for (const who of ['supervisorKib', 'brokerKib'] as const) {
  const growth = growthOf(samples.map((sample) => sample[who]));
  say(`${who}: ${Math.round(growth)} KiB more in the last quarter than in the third`);
  if (growth > SLACK_KIB)
    problems.push(`${who} grew by ${Math.round(growth)} KiB from the third quarter to the last`);
}
if (upstream.connections() !== all) problems.push(`${upstream.connections()} connections instead of ${all}`);
if (heard.failed > 0) problems.push(`${heard.failed} connects failed at first`);
if (brokerOf(supervisor) !== broker) problems.push('the broker was replaced');
child.kill('SIGTERM');
const { status } = await result;
if (status !== 0) problems.push(`up ended with ${status}: ${errors}`);
await upstream.close();
if (values.json) console.log(JSON.stringify({ as: user, connects: all, plugins, problems, samples }));
else console.log(problems.length === 0 ? 'all held' : problems.map((text) => `PROBLEM: ${text}`).join('\n'));
process.exit(problems.length === 0 ? 0 : 1);

/** Of all threads, in clock ticks of 10 ms: proc_pid_stat(5). */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function residentKib(pid: number): number {
  try {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch (cause) {
    throw new Error(`Process ${pid} has ended; postern said: ${errors}`, { cause });
  }
}

/**
 * By how much the lowest size of the last quarter is above that of the quarter before. Garbage gathers and is collected several times in each;
 * what leaks is never collected.
 */
function growthOf(sizes: readonly number[]): number {
  const quarter = sizes.length / 4;
  return Math.min(...sizes.slice(-quarter)) - Math.min(...sizes.slice(-2 * quarter, -quarter));
}
