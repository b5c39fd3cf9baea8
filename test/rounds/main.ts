// npm run rounds -- [--rounds N] [--plugins N] [--as root|user] [--json]: allows and withdraws a destination again and again, under load. What is
// allowed must lose no byte, what is not must end within a second, and at the end audit log, metrics and servers must agree. Exit status: 0 where all
// held, 1 where something did not, 2 for wrong usage.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type RawControl, rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
import { type Counted, disagreements } from './agree.js';
import { type Scene, setScene } from './scene.js';
import type { Upstream } from './upstream.js';

/** How long a connection may go on that is not allowed any more. */
const LATEST_MS = 1_000;
const SHOWN = 20;
const WAIT_MS = 60_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    plugins: { type: 'string', default: '20' },
    as: { type: 'string', default: users[0] ?? 'user' },
    json: { type: 'boolean', default: false },
  },
});
const [rounds, plugins] = [Number(values.rounds), Number(values.plugins)];
const user = users.find((name) => name === values.as);
if (!(rounds >= 1) || !(plugins >= 1) || user === undefined) {
  console.error(`Usage: npm run rounds -- --rounds N --plugins N --as ${users.join('|')}`);
  process.exit(2);
}
process.exit((await run(user)) ? 0 : 1);

async function run(as: User): Promise<boolean> {
  const scene = await setScene(as, plugins);
  process.once('exit', () => scene.child.kill('SIGKILL'));
  await until(() => existsSync(scene.control) || undefined, WAIT_MS);
  const control = await rawControl(scene.control);
  await until(() => scene.always.open() === plugins || undefined, WAIT_MS);
  const problems: string[] = [];
  const ends: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    ends.push(await allowAndWithdraw(scene, control, problems));
    if (problems.length > 0) break;
    if (!values.json && round % Math.ceil(rounds / SHOWN) === 0) console.log(`${round} rounds`);
  }
  scene.finish();
  const said = (): string => scene.output();
  await until(() => said().split(' rounds done').length > plugins || undefined, WAIT_MS);
  await until(() => scene.always.open() + scene.sometimes.open() === 0 || undefined, WAIT_MS);
  const metrics = await settledMetrics(scene);
  const ended = once(scene.child, 'close');
  scene.child.kill('SIGTERM');
  await ended;
  problems.push(
    ...[...said().matchAll(/^\S+ +\| rounds (?!done|kept \d).*$/gm)].map(([line]) => line),
    ...disagreements({
      audit: readFileSync(scene.audit, 'utf8'),
      metrics,
      always: countedBy(scene.always),
      sometimes: countedBy(scene.sometimes),
    }),
  );
  report(as, scene, ends, problems);
  return problems.length === 0;
}

/** One round. @returns how long after the wish for the reload the last connection ended, in milliseconds */
async function allowAndWithdraw(scene: Scene, control: RawControl, problems: string[]): Promise<number> {
  const { sometimes, always } = scene;
  await put(scene, control, true);
  await until(() => sometimes.open() >= plugins || undefined, WAIT_MS);
  const asked = performance.now();
  await put(scene, control, false);
  const inForce = performance.now();
  const connections = sometimes.connections();
  await until(() => sometimes.open() === 0 || undefined, WAIT_MS);
  const ended = performance.now();
  if (ended - inForce > LATEST_MS)
    problems.push(`a withdrawn connection lasted ${Math.round(ended - inForce)} ms`);
  if (sometimes.connections() > connections) problems.push('a withdrawn destination was connected to');
  if (always.open() !== plugins) problems.push(`${plugins - always.open()} allowed connections ended`);
  return ended - asked;
}

/** Puts other rules in force. */
async function put(scene: Scene, control: RawControl, allowsBoth: boolean): Promise<void> {
  scene.write(allowsBoth);
  const known = control.lines().length;
  control.send(request(known, 'reload'));
  const answer = (await control.answers(known + 1)).at(-1);
  if (answer?.error !== undefined) throw new Error(answer.error.message);
}

/** The metrics once every connection that ended is accounted for. */
async function settledMetrics({ metricsPort }: Scene): Promise<string> {
  return until(async () => {
    const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const open = [...page.matchAll(/^postern_connections_open\{.*\} (\d+)$/gm)];
    return open.length > 0 && open.every(([, count]) => count === '0') ? page : undefined;
  }, WAIT_MS);
}

function countedBy({ port, connections, received, sent }: Upstream): Counted {
  return { port, connections: connections(), received: received(), sent: sent() };
}

function report(
  as: User,
  { always, sometimes }: Scene,
  ends: readonly number[],
  problems: readonly string[],
): void {
  const sorted = ends.toSorted((one, other) => one - other);
  const figures = {
    rounds: ends.length,
    plugins,
    keptConnections: always.connections(),
    keptBytes: always.received(),
    endedConnections: sometimes.connections(),
    endedBytes: sometimes.received(),
    medianEndMs: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    latestEndMs: Math.round(sorted.at(-1) ?? 0),
  };
  if (values.json) {
    console.log(JSON.stringify({ as, problems, ...figures }));
    return;
  }
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value}`);
  for (const problem of problems.slice(0, SHOWN)) console.log(`PROBLEM: ${problem}`);
  if (problems.length === 0) console.log('all held');
}
