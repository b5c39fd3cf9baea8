// Runs the steps inside a machine, one after the other, and reports events through the port to the host. Arguments: the port, the file of
// the steps, and the ordinary user's name.
import { spawn } from 'node:child_process';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestEnd } from '../run/run-file.js';
import type { Event, Step, StepResult } from './step.js';

const [port = '', stepsFile = '', user = ''] = process.argv.slice(2);
const dist = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const out = openSync(port, 'w');
const MAX_OUTPUT = 16_384;

function tell(event: Event): void {
  let rest = Buffer.from(`${JSON.stringify(event)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(out, rest));
}

tell({ event: 'up', kernel: release(), node: process.version, libuv: process.versions.uv });
for (const step of JSON.parse(readFileSync(stepsFile, 'utf8')) as Step[]) {
  tell({ event: 'start', name: step.name, as: step.as });
  tell({ event: 'end', ...(await run(step)) });
}
tell({ event: 'down' });

function words(step: Step): readonly string[] {
  const scope = ['systemd-run', '--quiet', '--scope', '--property=Delegate=yes'];
  const scoped =
    step.delegated === true
      ? [...scope, ...(step.as === 'root' ? [] : ['--user']), '--', ...program(step)]
      : program(step);
  return step.as === 'root' ? scoped : ['runuser', '-u', user, '--', ...scoped];
}

function program({ tests, command }: Step): readonly string[] {
  const [first = '', ...rest] = command;
  if (tests === true)
    return [
      process.execPath,
      join(dist, 'test/run/main.js'),
      '--lines',
      '--as=both',
      '--at-once=2',
      ...command,
    ];
  if (first !== 'node') return command;
  const [file = '', ...args] = rest;
  return [process.execPath, join(dist, file), ...args];
}

async function run(step: Step): Promise<StepResult> {
  const began = performance.now();
  const [command = '', ...args] = words(step);
  const child = spawn(command, args, {
    cwd: '/',
    env: environment(step),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, step.seconds * 1_000);
  const ends: TestEnd[] = [];
  let whole = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    const end = step.tests === true ? testEnd(line) : undefined;
    if (end === undefined) whole += `${line}\n`;
    else {
      ends.push(end);
      tell({ event: 'test', ...end });
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    whole += text;
  });
  const status = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      whole += error.message;
      resolve(null);
    });
    child.once('close', resolve);
  });
  clearTimeout(timer);
  const named = (outcome: TestEnd['outcome']): string[] =>
    ends
      .filter((end) => end.outcome === outcome)
      .map((end) => `${end.file}: ${end.test}${end.why === undefined ? '' : `: ${end.why}`}`);
  const passed =
    status === step.passes &&
    !timedOut &&
    (step.says === undefined || new RegExp(step.says).test(whole)) &&
    (step.tests !== true || ends.some((end) => end.outcome === 'passed'));
  return {
    name: step.name,
    as: step.as,
    passed,
    status,
    timedOut,
    seconds: Math.round((performance.now() - began) / 1_000),
    output: whole.slice(-MAX_OUTPUT),
    ...(step.tests === true
      ? { tests: { passed: named('passed').length, failed: named('failed'), skipped: named('skipped') } }
      : {}),
  };
}

function testEnd(line: string): TestEnd | undefined {
  return line.startsWith('{"test":') ? (JSON.parse(line) as TestEnd) : undefined;
}

function environment({ as, variables }: Step): NodeJS.ProcessEnv {
  const path = {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
    LANG: 'C.UTF-8',
    ...variables,
  };
  if (as === 'root') return { ...path, HOME: '/root', USER: 'root' };
  return { ...path, HOME: `/home/${user}`, USER: user, XDG_RUNTIME_DIR: '/run/user/1000' };
}
