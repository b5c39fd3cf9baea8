// Keeps the gateway of each plugin running as long as the plugin runs. Runs in the supervisor. A gateway that dies loses its connections. The clients that
// come meanwhile wait in the queues of its listeners, for the next one: nothing goes out past it.
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { printable } from '../../shared/printable.js';
import {
  count,
  fields,
  NONE,
  number,
  orMissing,
  parsed,
  refined,
  type Shape,
  text,
  word,
} from '../../shared/protocol/shape.js';
import { createSealedFile } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { HTTP_REASONS } from '../../shared/words.js';
import type { HttpEvent } from '../gateway/serve-host.js';
import { BEGUN, READY } from '../gateway/settings.js';
import { gatewayConfig, PluginGateway } from './gateway/plugin-gateway.js';
import type { Held } from './gateway/read-secrets.js';
import { LAUNCH_TIMEOUT_MS, launchDeadline } from './start/launch-sandbox.js';
import type { Sandbox } from './start/sandbox.js';
import { captureStreams, type StandardStreams } from './start/standard-streams.js';

/** Before another one starts. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** One that ran so long has recovered. */
const RECOVERED_MS = 10_000;
/** From SIGTERM on it ends its exchanges, and writes their events. */
const GRACE_MS = 1000;
const TOLD_PER_SECOND = 10;
/** Each report is a message to the broker. */
const REPORT_MS = 1000;

export interface GatewayContext {
  /** Starts the process, as a plugin is started. */
  readonly start: (
    config: PluginConfig,
    gateway: PluginGateway,
    streams: () => StandardStreams,
  ) => Promise<Sandbox>;
  /** Those of the configuration in force: each is read once. @throws PosternError `bad_secret`, `path_not_apart` */
  readonly held: () => Promise<Held>;
  /** Undefined if events may come, otherwise resolves when the log has room for them. */
  readonly room: () => Promise<void> | undefined;
  /** Whether the log leaves no event out (`when_full: block`). */
  readonly keepsAll: boolean;
  /** Takes the number of events that are not in the log, and the limit that left them out. */
  readonly onLost: (events: number, limit?: 'log_rate') => void;
  /** A process that died took events along. @param since the time of its last event that came */
  readonly onTaken: (events: number, since: string) => void;
  /** @param isLogged false past the limit of lines: it only counts */
  readonly onEvent: (plugin: string, event: HttpEvent, isLogged: boolean) => void;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

/** @param held what it begins with @returns what a start of the plugin needs; undefined if it has no gateway */
export function prepareGateway(
  config: PluginConfig,
  held: Held,
  context: GatewayContext,
): GatewayRun | undefined {
  const own = gatewayConfig(config);
  if (own === undefined || config.gateway === undefined) return undefined;
  return new GatewayRun(config, own, new PluginGateway(config, config.gateway), held, context);
}

/** The gateway of one run of a plugin. */
export class GatewayRun {
  readonly gateway: PluginGateway;
  readonly #plugin: PluginConfig;
  readonly #config: PluginConfig;
  #held: Held;
  readonly #context: GatewayContext;
  readonly #logged: TokenBucket;
  /** What it says besides events is for the operator's terminal. */
  readonly #told = new TokenBucket(TOLD_PER_SECOND);
  /** Past the limit of lines, since the last report. */
  #leftOut = 0;
  #report: NodeJS.Timeout | undefined;
  /** Requests of the process without an event so far, and when it last wrote one. */
  #underWay = 0;
  #since = new Date().toISOString();
  #sandbox: Sandbox | undefined;
  #wait = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #over = false;
  readonly #closing = new AbortController();
  /** Takes what the process has written by its end. */
  #drained: StandardStreams['drained'] = async () => [];

  constructor(
    plugin: PluginConfig,
    config: PluginConfig,
    gateway: PluginGateway,
    held: Held,
    context: GatewayContext,
  ) {
    this.gateway = gateway;
    this.#plugin = plugin;
    this.#config = config;
    this.#held = held;
    this.#context = context;
    this.#logged = new TokenBucket(plugin.limits.logLinesPerSecond);
  }

  /** Starts the process, and keeps it running until close(). @param listeners owned from here on @throws PosternError as the start of a plugin does */
  serve(listeners: readonly OwnedFd[]): Promise<void> {
    this.gateway.take(listeners);
    return this.#serve();
  }

  #serve(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Takes the secrets of the configuration in force. With another one the process starts anew, and its connections end: it must not go on with the former one. */
  async renew(): Promise<void> {
    try {
      const held = await this.#context.held();
      if (isDeepStrictEqual(held, this.#held)) return;
      this.#held = held;
      if (this.#sandbox !== undefined) await endInOrder(this.#sandbox);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      this.#context.onNotice(
        `the gateway of "${this.#plugin.name}" goes on with its former secrets: ${error.message}`,
      );
    }
  }

  /** Resolves when its process is gone. */
  async close(): Promise<void> {
    this.#over = true;
    this.#closing.abort();
    clearTimeout(this.#timer);
    // protects: G23 gateway: what is under way at its end is in the log => this.#sandbox?.kill();
    if (this.#sandbox !== undefined) await endInOrder(this.#sandbox);
    await this.#starting?.catch(() => {});
    await this.#sandbox?.ended;
    await this.#conclude();
    this.#reportLeftOut();
    this.gateway.close();
  }

  async #start(): Promise<void> {
    if (this.#over) return;
    const startedAt = performance.now();
    const held = this.#held;
    let onReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
    });
    const sandbox = await this.#context.start(this.#config, this.gateway, () => this.#streams(onReady));
    this.#sandbox = sandbox;
    // protects: G23 gateway: one that starts while its secrets change starts anew => if (this.#over) sandbox.kill();
    if (this.#over || this.#held !== held) sandbox.kill();
    // protects: G23 gateway: the program begins when its gateway serves => const serves = true;
    const serves = await this.#becomesReady(sandbox, ready);
    if (!serves && this.#held !== held) return this.#start();
    if (!serves && !this.#over)
      throw new PosternError('launch_failed', `The gateway of "${this.#plugin.name}" ended before it served`);
    void sandbox.ended.then(async () => {
      if (this.#over) return;
      await this.#conclude();
      if (this.#over) return;
      if (performance.now() - startedAt > RECOVERED_MS) this.#wait = FIRST_WAIT_MS;
      this.#context.onNotice(
        `the gateway of "${this.#plugin.name}" has ended, and its connections with it; another one starts`,
      );
      this.#startLater();
    });
  }

  /** @returns false if it ends before @throws PosternError `launch_failed` */
  async #becomesReady(sandbox: Sandbox, ready: Promise<void>): Promise<boolean> {
    const seconds = LAUNCH_TIMEOUT_MS / 1000;
    const late = new PosternError(
      'launch_failed',
      `The gateway of "${this.#plugin.name}" did not serve within ${seconds} s of its start, and was ended`,
      { fix: 'start it again; if the host is too busy, start fewer plugins at the same time' },
    );
    const deadline = launchDeadline(late);
    try {
      const first = Promise.race([ready.then(() => true), sandbox.ended.then(() => false)]);
      // protects: G23 gateway: one that never serves fails the start => return await first;
      return await deadline.race(first);
    } catch (error) {
      sandbox.kill();
      await sandbox.ended;
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  /** The process has ended. It may have been killed with its plugin, whose memory is used up: what was under way has no event. */
  async #conclude(): Promise<void> {
    await this.#drained();
    const events = this.#underWay;
    this.#underWay = 0;
    // protects: G23 gateway: what a killed gateway took along is told => void events;
    if (events > 0) this.#context.onTaken(events, this.#since);
  }

  #startLater(): void {
    this.#timer = setTimeout(() => {
      this.#serve().catch((error: unknown) => {
        const why = error instanceof PosternError ? error.message : String(error);
        this.#context.onNotice(
          `the gateway of "${this.#plugin.name}" does not start, and its clients wait: ${why}`,
        );
        if (!this.#over) this.#startLater();
      });
    }, this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  /** Settings in, events out. @param onReady called when it serves */
  #streams(onReady: () => void): StandardStreams {
    const captured = captureStreams((stream, line) => {
      if (stream === 'stderr') this.#tell(`says: ${printable(line)}`);
      else if (line === READY) onReady();
      else if (line === BEGUN) this.#underWay += 1;
      else this.#take(line);
      // protects: G13 gateway: a full audit log makes it wait => return undefined;
      return this.#over ? undefined : (this.#context.room() ?? this.#pace());
    });
    this.#drained = captured.drained;
    const [nothing, ...outputs] = captured.descriptors;
    nothing?.close();
    const settings = JSON.stringify(this.gateway.settings(this.#held));
    return { ...captured, descriptors: [createSealedFile('gateway', Buffer.from(settings)), ...outputs] };
  }

  /** It parses hostile bytes, and may have been taken over. */
  #take(line: string): void {
    this.#underWay = Math.max(0, this.#underWay - 1);
    this.#since = new Date().toISOString();
    const event = parsed(line, EVENT);
    // protects: G23 gateway: an event of another form is dropped => if (event === NONE) return;
    if (event === NONE || !this.#serves(event)) {
      this.#context.onLost(1);
      this.#tell('has said something of another form than an event, which is not in the log');
      return;
    }
    if (this.#context.keepsAll) this.#logged.spend();
    // protects: G23 gateway: requests do not fill the log => const isLogged = true;
    const isLogged = this.#context.keepsAll || this.#logged.take();
    if (!isLogged) this.#leaveOut();
    this.#context.onEvent(this.#plugin.name, event, isLogged);
  }

  /** Where no event is left out, it is not heard while it owes lines: its requests wait. */
  #pace(): Promise<void> | undefined {
    const { owedMs } = this.#logged;
    // protects: G23 gateway: its requests wait for the rate of lines where none is left out => return undefined;
    if (!this.#context.keepsAll || owedMs === 0) return undefined;
    return pause(owedMs, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {});
  }

  #serves({ host, port }: HttpEvent): boolean {
    return this.#plugin.gateway?.some((one) => one.host === host && one.ports.includes(port)) === true;
  }

  #tell(text: string): void {
    // protects: G23 gateway: what it says does not fill the terminal => this.#context.onNotice(text);
    if (this.#told.take()) this.#context.onNotice(`the gateway of "${this.#plugin.name}" ${text}`);
  }

  #leaveOut(): void {
    this.#leftOut += 1;
    this.#report ??= setTimeout(() => this.#reportLeftOut(), REPORT_MS).unref();
  }

  #reportLeftOut(): void {
    clearTimeout(this.#report);
    this.#report = undefined;
    if (this.#leftOut > 0) this.#context.onLost(this.#leftOut, 'log_rate');
    this.#leftOut = 0;
  }
}

async function endInOrder(sandbox: Sandbox): Promise<void> {
  sandbox.signal(constants.signals.SIGTERM);
  const timer = setTimeout(() => sandbox.kill(), GRACE_MS);
  await sandbox.ended;
  clearTimeout(timer);
}

const RULE_CHARACTERS = 4096;
/** Longer than any connection, more headers than a request has, and more than a stream of answers holds in a day. */
const MOST_MS = 365 * 24 * 3600 * 1000;
const MOST_INJECTED = 1000;
const MOST_MASKED = 1e12;

const EVENT: Shape<HttpEvent> = fields<HttpEvent>({
  method: text(32),
  host: text(253),
  port: count(65_535),
  path: text(1024),
  status: count(999),
  decision: word(['allow', 'deny', 'would_deny']),
  reason: orMissing(word(HTTP_REASONS)),
  rule: orMissing(text(RULE_CHARACTERS)),
  suggestion: orMissing(text(RULE_CHARACTERS)),
  sentBytes: count(),
  receivedBytes: count(),
  durationMs: refined(number, (one) => (one >= 0 && one <= MOST_MS ? one : NONE)),
  injected: count(MOST_INJECTED),
  masked: count(MOST_MASKED),
});
