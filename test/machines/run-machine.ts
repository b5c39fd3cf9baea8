// Makes a machine, runs its steps inside, and gathers their results.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boot } from './boot.js';
import { buildPayload } from './build-payload.js';
import { buildRoot } from './build-root.js';
import { CACHE } from './cache.js';
import { fetchKernel } from './fetch-kernel.js';
import type { Machine } from './machines.js';
import { progressOf } from './progress.js';
import type { Event, StepResult } from './step.js';

export interface MachineResult {
  readonly machine: string;
  readonly title: string;
  /** As the machine said; undefined where it never came up. */
  readonly kernel?: string;
  readonly node?: string;
  readonly libuv?: string;
  readonly seconds: number;
  readonly steps: readonly StepResult[];
  /** Why it did not get to its last step. */
  readonly error?: string;
  readonly passed: boolean;
  /** The folder of its console log and its events. */
  readonly logs: string;
}

const TELL_EVERY = 25;

export async function runMachine(machine: Machine): Promise<MachineResult> {
  const { say, during } = progressOf(machine.name);
  const began = performance.now();
  const logs = join(CACHE, 'logs', machine.name);
  mkdirSync(logs, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'postern-machine-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const events: Event[] = [];
  let error: string | undefined;
  try {
    const { architecture } = machine;
    const kernel = await during(`kernel ${machine.kernel}`, () => fetchKernel(architecture, machine.kernel));
    const root = await during('disk with Debian 13', () =>
      buildRoot(machine, kernel, join(logs, 'second-stage.log')),
    );
    const payload = await during('disk with postern', () => buildPayload(machine, kernel, folder));
    await during('machine', () =>
      boot({
        architecture,
        kernel,
        disks: [{ file: root }, { file: payload }],
        words: machine.words ?? [],
        seconds: machine.bootSeconds,
        console: join(logs, 'console.log'),
        heard: (line) => {
          const event = JSON.parse(line) as Event;
          events.push(event);
          const text = told(event, events);
          if (text !== undefined) say(text);
        },
      }),
    );
  } catch (cause) {
    error = cause instanceof Error ? cause.message : String(cause);
  } finally {
    remove();
    process.off('exit', remove);
  }
  const down = events.some(({ event }) => event === 'down');
  if (!down)
    error ??= `The machine went down before its last step; its console: ${join(logs, 'console.log')}`;
  writeFileSync(join(logs, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const up = events.find((event) => event.event === 'up');
  const steps = events.flatMap((event) => (event.event === 'end' ? [event] : []));
  const passed = error === undefined && steps.every((step) => step.passed);
  say(error ?? (passed ? 'passed' : 'failed'));
  return {
    machine: machine.name,
    title: machine.title,
    ...(up === undefined ? {} : { kernel: up.kernel, node: up.node, libuv: up.libuv }),
    seconds: Math.round((performance.now() - began) / 1_000),
    steps,
    ...(error === undefined ? {} : { error }),
    passed,
    logs,
  };
}

/** The words for an event; of tests only their number is shown. */
function told(event: Event, events: readonly Event[]): string | undefined {
  switch (event.event) {
    case 'up':
      return `up: kernel ${event.kernel}, Node ${event.node}, libuv ${event.libuv}`;
    case 'test': {
      if (event.outcome !== 'passed')
        return `  ${event.outcome}: ${event.file}: ${event.test}\n${event.why ?? ''}`;
      const count = events.filter(({ event: name }) => name === 'test').length;
      return count % TELL_EVERY === 0 ? `  ${count} tests have ended` : undefined;
    }
    case 'end':
      return ending(event);
    default:
      return undefined;
  }
}

function ending({ name, as, passed, status, timedOut, seconds, output, tests }: StepResult): string {
  const counts =
    tests === undefined
      ? ''
      : `, ${tests.passed} passed, ${tests.failed.length} failed, ${tests.skipped.length} skipped`;
  const how = timedOut ? 'took too long' : passed ? 'ok' : `failed with ${status}`;
  return `${name} (${as}): ${how}${counts}, ${seconds} s${passed ? '' : `\n${output}`}`;
}
