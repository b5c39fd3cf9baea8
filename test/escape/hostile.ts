// Runs a hostile program in a sandbox with its protections, and then without them. It may reach one listener, and
// tries to reach another: with protections that one hears nothing, without them it hears something.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { twin, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { startPostern } from '../harness/postern.js';
import { type User, users } from '../harness/users.js';
import { KERNEL_ANSWERS, type KernelAnswer } from './kernel-answers.js';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Without a protection a program may not end. Then the test goes by its output. */
const TIMEOUT_MS = 30_000;
/** Between two looks at what was heard. */
const LOOK_EVERY_MS = 20;
const HEARD_WITHIN_MS = 5_000 * PATIENCE;

/** The `result` lines of a hostile program, by name. */
export type Findings = ReadonlyMap<string, string>;

export interface Heard {
  /** With `channel` the filter refuses connect(2), bind(2) and listen(2). Otherwise the broker answers them. */
  readonly egress: 'channel' | 'transparent';
  readonly findings: Findings;
  /** The bytes that reached the listener that no rule allows, or a port that the program opened. */
  readonly forbidden: string;
  readonly stderr: string;
}

export interface HostileBehaviour {
  /** A sentence that says what is tried. */
  readonly name: string;
  /** The program, a Python file of this folder. */
  readonly program: string;
  /** Whether it inherits a listener of the host, as descriptor 3. */
  readonly listens?: boolean;
  /** Protections that stop it; without all of them together it succeeds. */
  readonly without: readonly string[];
  /** What stops it differs with the user. Otherwise one user tries it with `channel`, and the other with `transparent`. */
  readonly asEachUser?: true;
  /** The broker's decision stops it: the second test has every protection, and a rule for the forbidden listener. */
  readonly decided?: boolean;
  /** Checks the run with every protection; by default only that nothing was heard. */
  readonly refused?: (heard: Heard) => void;
  /** Checks the run without them; by default that something was heard. */
  readonly open?: (heard: Heard) => void;
  /** A step that some kernels refuse to everybody. There the second test has the kernel's answer as that finding, and hears nothing. */
  readonly kernelMayRefuse?: { readonly step: KernelAnswer; readonly finding: string };
}

/** Registers the tests of one behaviour. */
export function hostile(behaviour: HostileBehaviour): void {
  const { name, without } = behaviour;
  for (const [turn, egress] of (['channel', 'transparent'] as const).entries()) {
    // Where the broker answers these calls, one protection covers all three.
    const lost = egress === 'channel' ? without : [...new Set(without.map(trappedName))];
    for (const user of behaviour.asEachUser === true ? users : userInTurn(turn)) {
      test(`${name}: refused, and nothing is heard (${egress}, ${user})`, async () => {
        await attempt(behaviour, user, egress, undefined, async (now) => {
          const heard = now();
          const { findings, stderr } = heard;
          assert.equal(findings.get('ready'), 'yes', `the program did not come to its attempt: ${stderr}`);
          assert.equal(heard.forbidden, '');
          behaviour.refused?.(heard);
        });
      });
      const otherwise = behaviour.decided === true ? 'with a rule' : `without ${lost.join(', ')}`;
      twin(`${name}: heard ${otherwise} (${egress}, ${user})`, async () => {
        await attempt(behaviour, user, egress, lost, async (now) => {
          const check = refusedByKernel(behaviour) ?? behaviour.open ?? heardSomething;
          // This process may hear of it later than of the program's end.
          for (let left = HEARD_WITHIN_MS; left > 0 && !passes(() => check(now())); left -= LOOK_EVERY_MS)
            await sleep(LOOK_EVERY_MS);
          check(now());
        });
      });
    }
  }
}

function heardSomething({ forbidden, stderr }: Heard): void {
  assert.match(forbidden, /connection/, stderr);
}

function refusedByKernel({ kernelMayRefuse }: HostileBehaviour): HostileBehaviour['open'] {
  if (kernelMayRefuse === undefined) return undefined;
  const { step, finding } = kernelMayRefuse;
  const answer = KERNEL_ANSWERS[step];
  if (answer === 'ok') return undefined;
  return ({ findings, forbidden }) => assert.deepEqual([findings.get(finding), forbidden], [answer, '']);
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

function trappedName(protection: string): string {
  return /^seccomp\.(?:connect|bind|listen|ioctl_interface_reads)$/.test(protection) ? 'trap' : protection;
}

async function attempt(
  { program, listens, decided }: HostileBehaviour,
  user: User,
  egress: 'channel' | 'transparent',
  without: readonly string[] | undefined,
  judge: (now: () => Heard) => Promise<void>,
): Promise<void> {
  const allowed = await listen((socket) => socket.write('welcome\n'));
  const forbidden = await listen();
  const refusing = await freePort();
  const ports = [allowed.port, refusing];
  if (decided === true && without !== undefined) ports.push(forbidden.port);
  const callers: Socket[] = [];
  const visits: Promise<void>[] = [];
  let reached = '';
  try {
    const source = [
      text('../interop/postern_client.py').replace(/\nif __name__ == [\s\S]*$/, '\n'),
      text('prelude.py'),
      text(program),
    ].join('\n');
    const { child, result } = startPostern(
      [
        ...['run', '--name', 'hostile', '--egress', egress],
        ...['--allow', `127.0.0.1:${ports.join(',')}`],
        ...(listens === true ? ['--listen', 'web=127.0.0.1:0'] : []),
        '--',
        ...['/usr/bin/python3', '-c', source, ...[allowed.port, forbidden.port, refusing].map(String)],
      ],
      { as: user, timeoutMs: TIMEOUT_MS, ...(without === undefined || decided === true ? {} : { without }) },
    );
    // A program that opens a port prints it, and the test connects to it from outside. A program that inherits a listener may ask for
    // clients.
    child.stdout?.on('data', (chunk: string) => {
      const port = /^listening (\d+)$/m.exec(chunk)?.[1];
      if (port !== undefined) visits.push(visit(Number(port), (line) => (reached += line)));
      for (const [, port] of chunk.matchAll(/^call (\d+)$/gm)) callers.push(callAt(Number(port)));
    });
    const { stdout, stderr } = await result;
    await Promise.all([forbidden.allConnections(), ...visits]);
    await judge(() => {
      const count = forbidden.connections();
      const heard = count > 0 ? `${reached}${count} connection(s): ${forbidden.heard()}` : reached;
      return { egress, findings: findingsOf(stdout), forbidden: heard, stderr };
    });
  } finally {
    for (const caller of callers) caller.destroy();
    await close(allowed, forbidden);
  }
}

/** Connects to a port. @returns once it is known whether it listens */
function visit(port: number, onReached: (line: string) => void): Promise<void> {
  const visitor = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    visitor.on('connect', () => {
      onReached(`connection to the port ${port} that the program opened`);
      visitor.destroy();
    });
    visitor.on('error', () => visitor.destroy());
    visitor.on('close', () => resolve());
  });
}

function callAt(port: number): Socket {
  const caller = connect(port, '127.0.0.1');
  return caller.on('error', () => caller.destroy());
}

async function close(...listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}

function findingsOf(stdout: string): Findings {
  return new Map(
    [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, name = '', value = '']) => [name, value] as const),
  );
}
