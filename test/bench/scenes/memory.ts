// Memory of postern: of one idle `run`, of an `up` by its number of plugins, and with many open connections.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokerOf, childrenOf, commandOf } from '../../harness/processes.js';
import { underPostern } from '../checkouts.js';
import { LineProgram } from '../line-program.js';
import type { Bench, Checkout, Sample, Scene } from '../measure.js';
import { openScene, type Part } from '../open-scene.js';
import { startBurstingUp } from './bursting-up.js';
import { startUpstream } from './upstream.js';

/** After a start, memory still moves for a moment. */
export const SETTLE_MS = 2_000;
/** RLIMIT_NOFILE of a plugin is 1,024. */
const HELD_BY_ONE = 500;

const NODE_IDLE = 'console.log("ready"); process.stdin.resume()';

function part(name: string, checkout: Checkout | undefined, round: () => Promise<Sample>): Part {
  return {
    ...{ name, role: checkout === undefined ? 'direct' : 'postern' },
    ...(checkout !== undefined && { checkout: checkout.label }),
    open: async () => ({ round, close: async () => {} }),
  };
}

/** Supervisor and broker of a `run`, beside an idle Node. */
export function memoryIdle(bench: Bench): Promise<Scene> {
  const ofNode = async (): Promise<Sample> => {
    const node = new LineProgram([process.execPath, '-e', NODE_IDLE]);
    await node.line();
    await sleep(SETTLE_MS);
    const mib = pssOf(node.pid);
    await node.end();
    return { mib };
  };
  const ofRun = (checkout: Checkout) => async (): Promise<Sample> => {
    const words = underPostern(checkout, [], ['/bin/sh', '-c', 'echo ready; read line']);
    const run = new LineProgram(words, checkout.top);
    await run.line();
    await sleep(SETTLE_MS);
    const broker = brokerOf(run.pid);
    if (broker === undefined) throw new Error('There is no broker');
    const [supervisor, brokers] = [pssOf(run.pid), pssOf(broker)];
    await run.end();
    return { mib: supervisor + brokers, supervisor, broker: brokers };
  };
  return openScene([
    part('node, idle', undefined, ofNode),
    ...bench.checkouts.map((one) => part('run', one, ofRun(one))),
  ]);
}

/** All processes of an `up` but its plugins, divided by the number of plugins. */
export async function memoryOfPlugins(bench: Bench): Promise<Scene> {
  const upstream = await startUpstream(bench.programs);
  const round = (checkout: Checkout, count: number) => async (): Promise<Sample> => {
    const up = await startBurstingUp(bench, checkout, upstream, { count });
    await sleep(SETTLE_MS);
    const all = pssBelow(up.supervisor, join(bench.programs, 'bursts'));
    await up.end();
    return { all, each: all / count };
  };
  const parts = (bench.quick ? [1, 10] : [1, 10, 100]).flatMap((count) =>
    bench.checkouts.map((one) =>
      part(`${count} ${count === 1 ? 'plugin' : 'plugins'}`, one, round(one, count)),
    ),
  );
  return openScene(parts, () => upstream.end());
}

/** Supervisor and broker of an `up` of 20 plugins that hold so many connections. */
export async function memoryOfConnections(bench: Bench): Promise<Scene> {
  const most = bench.quick ? 1_000 : 10_000;
  const count = most / HELD_BY_ONE;
  const upstream = await startUpstream(bench.programs, most);
  const round = (checkout: Checkout, open: number) => async (): Promise<Sample> => {
    const up = await startBurstingUp(bench, checkout, upstream, { count, hold: true });
    try {
      // Every broker has made as many connects, and differs only in those that are open.
      await up.burst(most / count);
      const heard = await upstream.accepted();
      await up.burst(open / count);
      if ((await upstream.accepted()) - heard !== open)
        throw new Error('The upstream did not hear each connect');
      await sleep(SETTLE_MS);
      return { mib: pssOf(up.supervisor) + pssOf(up.broker) };
    } finally {
      await up.end();
    }
  };
  const parts = (bench.quick ? [100, 1_000] : [100, 1_000, 10_000]).flatMap((open) =>
    bench.checkouts.map((one) => part(`${open.toLocaleString('en')} open`, one, round(one, open))),
  );
  return openScene(parts, () => upstream.end());
}

// The proportional set size of processes: memory that several share counts in equal parts (proc_pid_smaps_rollup(5)).

/** Of one process, in MiB. 0 if it has ended. */
function pssOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) / 1024;
  } catch {
    return 0;
  }
}

/** The command lines of a process and of all that descend from it. */
export function below(pid: number): readonly string[] {
  return [commandOf(pid), ...childrenOf(pid).flatMap(below)];
}

/** Of a process and all that descend from it, except those whose command line begins with `plugin`. */
export function pssBelow(pid: number, plugin: string): number {
  const own = commandOf(pid).startsWith(plugin) ? 0 : pssOf(pid);
  return childrenOf(pid).reduce((sum, child) => sum + pssBelow(child, plugin), own);
}
