// The test of every program. The unmodified program reaches its server by name and by address. The rest is refused by name, address and
// port: its exit status shows that, and no listener outside hears it. The users take turns, by the number of the program in its file. The
// twin shows that the listeners hear the same commands without postern.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, test } from 'node:test';
import { twin, userInTurn } from '../../harness/asked.js';
import { stopServer } from '../server.js';
import { BY_ADDRESS, CLOSED, CLOSED_NAME, OPEN_NAME } from './addresses.js';
import { attemptInside, attemptOutside, type Outcome } from './attempts.js';
import { startNetwork, type TestNetwork } from './network.js';

/** How a program ends that was refused. */
interface Refusal {
  readonly status: number;
  /** What it says on stderr. */
  readonly says: RegExp;
}

export interface ProgramTest {
  readonly name: string;
  /** That it may reach at the open name and addresses. */
  readonly ports: readonly number[];
  /** A shell command that asks the server at a host, which is a name or an IPv4 address. */
  readonly ask: (host: string) => string;
  /** What it prints once it has an answer. */
  readonly prints: RegExp;
  readonly refused: { readonly byName: Refusal; readonly byAddress: Refusal };
  /** More commands that are refused, with how they end. */
  readonly alsoRefused?: readonly (Refusal & { readonly command: string })[];
  /** More commands that go well, and what they print. */
  readonly alsoDone?: readonly { readonly command: string; readonly prints: RegExp }[];
  /** Files that the program needs. */
  readonly visible?: () => readonly string[];
}

/** A network for the programs of a test file. @param prepare starts its servers, which are stopped at the end */
export function useNetwork(
  prepare: (network: TestNetwork) => Promise<readonly ChildProcess[]> = async () => [],
): () => TestNetwork {
  let network: TestNetwork | undefined;
  let servers: readonly ChildProcess[] = [];
  before(async () => {
    network = await startNetwork();
    servers = await prepare(network);
  });
  after(async () => {
    await Promise.all(servers.map(stopServer));
    network?.close();
  });
  return () => {
    if (network === undefined) throw new Error('The network is not made yet');
    return network;
  };
}

/** How many programs of this test file have their tests. */
let programs = 0;

export function testProgram(network: () => TestNetwork, program: ProgramTest): void {
  const { name, ask, refused, alsoDone = [], alsoRefused = [] } = program;
  const done = [OPEN_NAME, BY_ADDRESS.four].map((host) => ({ command: ask(host), prints: program.prints }));
  const allDone = [...done, ...alsoDone];
  const allRefused = [
    { command: ask(CLOSED_NAME), ...refused.byName },
    { command: ask(CLOSED.four), ...refused.byAddress },
    ...alsoRefused,
  ];
  const commands = [...allDone, ...allRefused].map(({ command }) => command);
  const ports = program.ports.join(',');
  const rules = [OPEN_NAME, BY_ADDRESS.four, `[${BY_ADDRESS.six}]`].map((target) => `${target}:${ports}`);

  for (const user of userInTurn(programs)) {
    test(`${name} reaches what is allowed and is refused the rest (${user})`, async () => {
      const words = [
        ...rules.flatMap((rule) => ['--allow', rule]),
        ...(program.visible?.() ?? []).flatMap((path) => ['--visible', path]),
      ];
      const before = await network().heard();
      const outcomes = await attemptInside(network(), user, words, commands);
      const after = await network().heard();
      for (const [index, { command, prints }] of allDone.entries()) {
        const outcome = outcomeOf(outcomes, index);
        assert.equal(outcome.status, 0, `${command}: ${show(outcome)}`);
        assert.match(outcome.stdout, prints, `${command}: ${show(outcome)}`);
      }
      for (const [index, { command, status, says }] of allRefused.entries()) {
        const outcome = outcomeOf(outcomes, allDone.length + index);
        assert.equal(outcome.status, status, `${command}: ${show(outcome)}`);
        assert.match(outcome.stderr, says, `${command}: ${show(outcome)}`);
      }
      assert.equal(after.closed, before.closed, 'nobody outside heard a refused one');
      assert.deepEqual(
        after.questions.slice(before.questions.length).filter((question) => !question.startsWith(OPEN_NAME)),
        [],
        'no other name was asked for outside',
      );
    });
  }

  programs += 1;
  twin(`${name} is heard everywhere without postern`, async () => {
    const before = await network().heard();
    const outcomes = await attemptOutside(network(), commands);
    for (const [index, { command }] of allDone.entries()) {
      const outcome = outcomeOf(outcomes, index);
      assert.equal(outcome.status, 0, `${command}: ${show(outcome)}`);
    }
    const heard = (await network().heard()).closed - before.closed;
    assert.ok(
      heard >= allRefused.length,
      `${heard} of ${allRefused.length}: ${outcomes.map(show).join('\n')}`,
    );
  });
}

function outcomeOf(outcomes: readonly Outcome[], index: number): Outcome {
  const outcome = outcomes[index];
  assert.ok(outcome !== undefined, `attempt ${index} did not end`);
  return outcome;
}

function show({ status, stdout, stderr }: Outcome): string {
  return `status ${status}\n${stdout}${stderr}`;
}
