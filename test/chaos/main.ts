// npm run chaos -- --seconds N [--seed S] [--as root|user] [--json]: disturbs a running postern at random, and checks that no plugin notices.
// Exit status: 0 where all held, 1 where something did not, 2 for wrong usage.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { descriptorsOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
import { ACTS } from './acts.js';
import { answerAtRandom, placeOf } from './answerer.js';
import { inPublicNet, reached } from './in-public-net.js';
import { type Footprint, judge, type Span } from './judge.js';
import { watchPauses } from './machine-pauses.js';
import { ASKERS, STEADY, setScene } from './scene.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
    as: { type: 'string', default: users[0] ?? 'user' },
    json: { type: 'boolean', default: false },
    // Set by inPublicNet().
    dns: { type: 'string' },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
const user = users.find((name) => name === values.as);
if (!(seconds > 0) || !Number.isInteger(seed) || user === undefined) {
  console.error(`Usage: npm run chaos -- --seconds N --seed S --as ${users.join('|')}`);
  process.exit(2);
}
const { dns } = values;
if (dns === undefined) {
  const words = ['--seconds', values.seconds, '--seed', values.seed, '--as', user];
  process.exit(await inPublicNet(fileURLToPath(import.meta.url), values.json ? [...words, '--json'] : words));
}
process.exit((await chaos(user, dns)) ? 0 : 1);

async function chaos(as: User, server: string): Promise<boolean> {
  const say = (text: string): void => {
    if (!values.json) console.log(text);
  };
  say(`chaos for ${seconds} s as ${as}, --seed ${seed}`);
  const random = randomFrom(seed);
  const scene = await setScene(as, seed, server);
  process.once('exit', () => scene.child.kill('SIGKILL'));
  const pauses = watchPauses(now);
  await until(() => existsSync(scene.control) || undefined, 60_000);
  const answerer = await answerAtRandom(scene.control, randomFrom(seed + 1), pauses);
  const worked = (): boolean =>
    [...STEADY, ...ASKERS].every((name) =>
      new RegExp(`^${name} +\\| chaos .*true`, 'm').test(scene.output()),
    );
  await until(() => worked() || undefined, 60_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${scene.output().slice(0, 2_000)}`);
  });
  const before = footprint(scene.pid);
  const hangs: Span[] = [];
  const losses: Span[] = [];
  const acts = ACTS.filter(({ fits }) => fits?.(scene) ?? true);
  const end = now() + seconds;
  for (let last: string | undefined; now() < end; ) {
    const act = acts[Math.floor(random() * acts.length)];
    if (act === undefined || act.name === last) continue;
    last = act.name;
    const began = now();
    const broker = scene.broker();
    await act.run(scene);
    if (act.hangs === true) hangs.push([began, now()]);
    if (scene.broker() !== broker) losses.push([began, now()]);
    say(`${(seconds - end + now()).toFixed(1).padStart(7)} s  ${act.name}, ${(now() - began).toFixed(1)} s`);
    await new Promise((resolve) => setTimeout(resolve, 200 + random() * 1_000));
  }
  // Everything that waits is written.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const askProblems = await answerer.finish(ASKERS);
  const heard = await reached();
  const approved = new Set(answerer.approved);
  for (const line of scene.hookApproved()) {
    const [port = '', host = ''] = line.split(' ');
    approved.add(placeOf(host, port));
  }
  const metrics = await (await fetch(`http://127.0.0.1:${scene.metricsPort}/metrics`)).text();
  const after = footprint(scene.pid);
  const ended = once(scene.child, 'close') as Promise<[number | null]>;
  scene.child.kill('SIGTERM');
  const [status] = await ended;
  const { problems, figures } = judge({
    ...{ steady: [...STEADY, ...ASKERS], metrics, losses, before, after },
    ...{ hangs: [...hangs, ...pauses], deaths: losses.length },
    ...{ reached: heard, approved, specialHeard: scene.specialHeard() },
    output: scene.output(),
    audit: await scene.audit.whole(),
    connections: scene.upstream.connections() + heard.length,
  });
  await scene.upstream.close();
  const all = [...problems, ...askProblems, ...(status === 0 ? [] : [`up ended with ${status}`])];
  if (values.json) console.log(JSON.stringify({ as, seed, seconds, problems: all, ...figures }));
  else {
    say(`pauses of the machine: ${pauses.map(([from, to]) => `${(to - from).toFixed(1)} s`).join(', ')}`);
    say(`questions that ended: ${JSON.stringify(answerer.endings)}`);
    for (const [name, value] of Object.entries(figures))
      console.log(`${name.padEnd(20)} ${Math.round(value * 100) / 100}`);
    for (const problem of all) console.log(`PROBLEM: ${problem}`);
    console.log(
      all.length === 0
        ? 'all held'
        : `again: npm run chaos -- --seconds ${seconds} --seed ${seed} --as ${as}`,
    );
  }
  return all.length === 0;
}

/** Seconds of CLOCK_MONOTONIC, as the plugins tell them. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

function footprint(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { descriptors: descriptorsOf(pid), residentKib: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) };
}

/** Random numbers that a seed repeats (mulberry32). @returns a function that returns numbers from 0 up to, and without, 1 */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
