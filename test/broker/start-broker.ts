// A broker as the supervisor starts it. The test takes the place of the supervisor and of the plugins.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { readBrokerLine } from '../../sandbox/supervisor/broker/broker-lines.js';
import { BROKER_ENVIRONMENT, brokerCommand } from '../../sandbox/supervisor/broker/fork-broker.js';
import { makeChannel } from '../../sandbox/supervisor/broker/kept.js';
import { type Limits, limitsOf } from '../../shared/config/limit-forms.js';
import { MAX_BROKER_LINE_BYTES } from '../../shared/limits.js';
import { LineReader } from '../../shared/line-reader.js';
import type { BrokerLine, ChannelPacket, SupervisorLine } from '../../shared/protocol/link.js';
import { sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { packetSocketPair, shutDown } from '../../shared/sys/socket.js';
import type { AuditLine } from '../harness/audit-line.js';
import { PATIENCE } from '../harness/patience.js';
import { TestChannel } from './test-channel.js';

const SETTLE_MS = 20_000;
const STEADY_MS = 5;

type StartLine = Extract<SupervisorLine, { type: 'start' }>;
type PluginLine = Extract<SupervisorLine, { type: 'plugin' }>;
type Rules = Partial<Omit<PluginLine, 'type' | 'limits'>> & { readonly limits?: Partial<Limits> };

/** A running broker. Disposing of it ends the process and closes the test's ends. */
export class TestBroker {
  readonly lines: BrokerLine[] = [];
  readonly #child: ChildProcess;
  readonly #lines: { readonly incoming: Socket; readonly outgoing: Socket };
  readonly #descriptors: OwnedFd;
  readonly #kept = new Map<number, readonly OwnedFd[]>();
  readonly #keeps = new Set<number>();
  readonly #channels: TestChannel[] = [];
  readonly #listeners = new Set<() => void>();
  #session = 0;

  constructor(
    child: ChildProcess,
    lines: { readonly incoming: Socket; readonly outgoing: Socket },
    descriptors: OwnedFd,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.#descriptors = descriptors;
    const reader = new LineReader((text) => this.#take(text), MAX_BROKER_LINE_BYTES);
    lines.incoming.on('data', (chunk: Buffer) => reader.push(chunk));
    for (const stream of Object.values(lines)) stream.on('error', () => {});
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Audit events so far. */
  get events(): readonly AuditLine[] {
    return this.lines.flatMap((line) => (line.type === 'audit' ? [line.line] : []));
  }

  send(line: SupervisorLine): void {
    this.#lines.outgoing.write(`${JSON.stringify(line)}\n`);
  }

  /** The first line, past or to come, that `pick` accepts. */
  async line<L extends BrokerLine>(pick: (line: BrokerLine) => line is L): Promise<L> {
    let found = this.lines.find(pick);
    await this.until(() => {
      found = this.lines.find(pick);
      return found !== undefined;
    });
    if (found === undefined) throw new Error('No such line');
    return found;
  }

  /** Waits until a line from the broker makes something so. */
  async until(done: () => boolean, within: number = SETTLE_MS): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (!done()) return;
        clearTimeout(timer);
        clearInterval(again);
        this.#listeners.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        clearInterval(again);
        this.#listeners.delete(check);
        reject(new Error(`Not within ${within} ms: ${done}`));
      }, within * PATIENCE);
      const again = setInterval(check, 10);
      this.#listeners.add(check);
    });
  }

  /** Gives a plugin its rules, and waits until the broker has taken or refused them. */
  async plugin(plugin: string, rules: Rules = {}): Promise<BrokerLine | undefined> {
    const seen = this.lines.length;
    const limits = {
      ...limitsOf({}),
      requestsPerSecond: 1_000_000,
      logLinesPerSecond: 1_000_000,
      ...rules.limits,
    };
    this.send({ type: 'plugin', allow: [], deny: [], mode: 'enforce', ...rules, plugin, limits });
    const answers = ['plugin_ready', 'plugin_refused'];
    await this.until(() => this.lines.slice(seen).some(({ type }) => answers.includes(type)));
    return this.lines.slice(seen).find(({ type }) => answers.includes(type));
  }

  /** A plugin's channel. `greet: false` leaves the hello to the test. */
  async channel(
    plugin: string,
    { resumed = false, greet = true }: { resumed?: boolean; greet?: boolean } = {},
  ): Promise<TestChannel> {
    const channel = this.attach({
      type: 'channel',
      plugin,
      session: this.#nextSession(),
      resumed: resumed && 'unanswered',
    });
    if (resumed || greet) {
      if (!resumed) channel.send({ op: 'hello', version: 1 });
      await channel.reply((reply) => 'op' in reply);
    }
    return channel;
  }

  /** Answers the open `channel_wanted`: the plugin's ends travel through the broker. */
  answerWanted({ plugin, session, id }: Extract<BrokerLine, { type: 'channel_wanted' }>): void {
    const answers = { session, id };
    this.attach({ type: 'channel', plugin, session: this.#nextSession(), resumed: false, answers });
  }

  /** The plugin's run has ended. */
  endRun(plugin: string): void {
    sendMessage(
      this.#descriptors.number,
      Buffer.from(JSON.stringify({ type: 'run_ended', plugin })),
      [],
      true,
    );
  }

  attach(packet: ChannelPacket): TestChannel {
    const { plugin, broker } = makeChannel();
    const { request, reply } = broker;
    const ends = [request, reply, ...(packet.answers === undefined ? [] : [plugin.request, plugin.reply])];
    const numbers = ends.map(({ number }) => number);
    sendMessage(this.#descriptors.number, Buffer.from(JSON.stringify(packet)), numbers, true);
    // As the supervisor does, keep duplicates of the broker's ends until the session has ended.
    this.#kept.set(packet.session, [request, reply]);
    const channel = new TestChannel(plugin.request, plugin.reply, packet.session);
    if (packet.answers === undefined) this.#channels.push(channel);
    else channel.close();
    return channel;
  }

  /** Keeps the duplicates of a channel's ends after its session. */
  keep(session: number): void {
    this.#keeps.add(session);
  }

  letGo(session: number): void {
    this.#drop(session);
    this.send({ type: 'session_dropped', session });
  }

  /** Closes the duplicates: the broker alone holds its ends from now on. */
  dropKept(session: number): void {
    for (const end of this.#kept.get(session) ?? []) end.close();
    this.#kept.delete(session);
  }

  ended(session: number): boolean {
    return this.lines.some((line) => line.type === 'session_ended' && line.session === session);
  }

  /** Open descriptors of the broker. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Waits until the broker has no more descriptors than before, and tells which it has if that does not happen. */
  async untilNoMoreThan(count: number): Promise<void> {
    try {
      await this.until(() => this.descriptors() <= count);
    } catch (error) {
      const folder = `/proc/${this.pid}/fd`;
      const open = readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
      throw new Error(`${open.length} descriptors instead of ${count}: ${open.join(', ')}`, { cause: error });
    }
  }

  /** Their count once it stays the same, since the slow lane closes the ends of ended sessions. On a busy machine it may be too high still. */
  async steadyDescriptors(): Promise<number> {
    for (let [last, times] = [this.descriptors(), 0]; ; ) {
      await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
      const now = this.descriptors();
      times = now === last ? times + 1 : 0;
      if (times === 3) return now;
      last = now;
    }
  }

  residentKib(): number {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))?.[1]);
  }

  async metrics(): Promise<string> {
    const id = Math.floor(Math.random() * 1e9);
    this.send({ type: 'metrics', id });
    const isPart = (line: BrokerLine): line is Extract<BrokerLine, { type: 'metrics' }> =>
      line.type === 'metrics' && line.id === id;
    await this.until(() => this.lines.some((line) => isPart(line) && line.last));
    return this.lines
      .filter(isPart)
      .map(({ text }) => text)
      .join('');
  }

  /** The value of one series, written as `name{labels}`. */
  async metric(series: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  }

  /** @returns the status of its exit */
  async exited(): Promise<number | null> {
    const { exitCode } = this.#child;
    const [status] = (exitCode === null ? await once(this.#child, 'exit') : [exitCode]) as [number | null];
    return status;
  }

  async stop(): Promise<number | null> {
    const exit = this.#child.exitCode === null ? once(this.#child, 'close') : [this.#child.exitCode];
    this.#lines.outgoing.end();
    for (const channel of this.#channels) channel.close();
    const [status] = (await exit) as [number | null];
    for (const stream of Object.values(this.#lines)) stream.destroy();
    this.#descriptors.close();
    for (const session of this.#kept.keys()) this.#drop(session);
    return status;
  }

  #nextSession(): number {
    this.#session += 1;
    return this.#session;
  }

  #take(text: string): void {
    const line = readBrokerLine(text);
    if (line === undefined) throw new Error(`The supervisor would not read this line: ${text}`);
    this.lines.push(line);
    if (line.type === 'session_ended' && !this.#keeps.has(line.session)) this.letGo(line.session);
    for (const listener of this.#listeners) listener();
  }

  #drop(session: number): void {
    const [request, reply] = this.#kept.get(session) ?? [];
    this.#kept.delete(session);
    if (reply !== undefined) shutDown(reply.number);
    request?.close();
    reply?.close();
  }
}

/**
 * Starts a broker and waits until it is ready.
 *
 * @param options words for its Node; `stdout` and `stderr` are the test's descriptors; `under` is a command that executes it
 */
export async function startBroker(
  start: Partial<StartLine> = {},
  {
    options = [],
    stderr = 'inherit',
    stdout = 'ignore',
    under = [],
  }: {
    options?: readonly string[];
    stdout?: 'ignore' | number;
    stderr?: 'inherit' | number;
    under?: readonly string[];
  } = {},
): Promise<TestBroker> {
  const [ours, theirs] = packetSocketPair();
  const [program = '', ...args] = [
    ...under,
    ...brokerCommand(start.becomeIds === undefined ? 'confined-root' : 'root', options),
  ];
  const child = spawn(program, args, {
    env: BROKER_ENVIRONMENT,
    stdio: ['ignore', stdout, stderr, 'pipe', theirs.number, 'pipe'],
  });
  theirs.close();
  const [, , , outgoing, , incoming] = child.stdio as readonly unknown[] as readonly Socket[];
  if (outgoing === undefined || incoming === undefined) throw new Error('No streams');
  const broker = new TestBroker(child, { incoming, outgoing }, ours);
  const supervisorMounts = readlinkSync('/proc/self/ns/mnt');
  broker.send({ type: 'start', listeners: [], supervisorMounts, ...start });
  await broker.until(() => broker.lines.some(({ type }) => type === 'ready' || type === 'failed'));
  return broker;
}
