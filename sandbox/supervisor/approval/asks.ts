// The open questions of all plugins, with their answers. A terminal, a control client, a hook and the library answer here, and the first answer
// wins. Runs in the supervisor. Questions outlive a broker, and so does an answer on which no broker has acted: the next one asks again, and is
// answered by what is kept. A broker's number of a question means nothing to the next one.

import { EventEmitter } from 'node:events';
import { BoundedMap } from '../../../shared/bounded-map.js';
import { PosternError } from '../../../shared/errors.js';
import { ASKS_PER_MINUTE, OPEN_ASKS } from '../../../shared/limits.js';
import { suggestionFor } from '../../../shared/policy/may-be-asked.js';
import { quote } from '../../../shared/policy/quote.js';
import type {
  ApprovedDestination,
  AskDoor,
  BrokerLine,
  SupervisorLine,
} from '../../../shared/protocol/link.js';
import { TokenBucket } from '../../../shared/token-bucket.js';
import type { Answerer, AskEnd, AskScope } from '../../../shared/words.js';

/** Plugins whose rates of questions are remembered. */
const KEPT_RATES = 1_024;
/** How long an answer is kept for a broker that asks again. */
const ANSWER_KEPT_MS = 60_000;

type AskedLine = Extract<BrokerLine, { type: 'asked' }>;
export type AskAnsweredLine = Extract<SupervisorLine, { type: 'ask_answered' }>;

/** What becomes of an answer. */
interface AskServices {
  /** Whether somebody may be asked about the destinations of a plugin. */
  readonly mayAsk: (plugin: string) => boolean;
  /** Tells the running broker. */
  readonly answer: (line: AskAnsweredLine) => void;
  /** Tells every further broker. */
  readonly keep: (plugin: string, destination: ApprovedDestination) => void;
  /** Writes a rule into the file, and puts it in force. Missing: there is no file. Throws if it cannot write it. @returns when it is in force, and never rejects */
  readonly putRule?: ((plugin: string, rule: string) => Promise<void>) | undefined;
}

interface Open {
  readonly request: AskRequest;
  /** Of a connect(2) whose host is a name. */
  readonly address: string | null;
  /** As the running broker asks, by {@link keyOf}: about the name, the address or both. */
  readonly asking: Map<string, AskedLine>;
  readonly timer: NodeJS.Timeout;
}

/** An answer for whichever broker asks again: an approval until a broker acts on it, a denial for its time. */
interface KeptAnswer {
  readonly plugin: string;
  readonly answer: AskEnd;
  readonly by: Answerer;
  readonly until: number;
}

/** Emits `opened` and `closed`, each once for a question. */
export class Asks extends EventEmitter<{ opened: [AskRequest]; closed: [AskRequest, AskEnding] }> {
  readonly #services: AskServices;
  readonly #timeoutMs: number;
  readonly #open = new Map<string, Open>();
  readonly #kept = new Map<string, KeptAnswer>();
  /** By plugin. One question more at once than the broker, whose lines come sooner or later. */
  readonly #rates = new BoundedMap<string, TokenBucket>(KEPT_RATES);
  #next = 1;

  /** @param timeoutMs how long a question waits for its answer */
  constructor(timeoutMs: number, ends: AskServices) {
    super();
    this.#timeoutMs = timeoutMs;
    this.#services = ends;
  }

  /** From the oldest to the newest. */
  list(): readonly AskRequest[] {
    return [...this.#open.values()].map(({ request }) => request);
  }

  /**
   * Permits what waits.
   *
   * @param scope `once`, for this `run`, or as a `rule` in the file
   * @throws PosternError `no_such_ask` if the question is gone, `rule_not_written` if the rule cannot be written. Then the question stays open
   */
  approve(id: string, scope: AskScope, by: Answerer): void {
    const open = this.#find(id);
    this.#close(open, { answer: scope, by }, scope === 'rule' ? this.#putRule(open) : undefined);
  }

  /** @throws PosternError `no_such_ask` if the question is gone */
  deny(id: string, by: Answerer): void {
    this.#close(this.#find(id), { answer: 'deny', by });
  }

  /** A broker asks. One that was taken over may say anything. */
  asked(line: AskedLine): void {
    const { plugin, host, port, door } = line;
    const key = keyOf(line);
    const suggestion = suggestionFor(host, port);
    // protects: G20 ask: a broker asks for no plugin whose unknown destinations are denied => if (suggestion === undefined) return;
    if (suggestion === undefined || !this.#services.mayAsk(plugin)) return;
    const all = [...this.#open.values()].filter(({ request }) => request.plugin === plugin);
    // The broker after the one that asked does not know the name that led to an address.
    const known = all.find(
      ({ request, address, asking }) =>
        keyOf(request) === key ||
        (asking.size === 0 && keyOf({ plugin, host: address ?? '', port: request.port }) === key),
    );
    if (known !== undefined) {
      known.asking.set(key, line);
      return;
    }
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > performance.now()) {
      this.#answer(line, kept);
      return;
    }
    const left = all.find(({ asking }) => asking.size === 0);
    // protects: G20 ask: a broker leaves no more questions open than a plugin may => const isFull = false;
    const isFull = all.length >= OPEN_ASKS && left === undefined;
    const mayAskNow =
      /* protects: G20 ask: a broker asks no more often than a plugin may => true */ this.#rateOf(
        plugin,
      ).take();
    if (isFull || !mayAskNow) {
      this.#answer(line, { answer: 'deny', by: 'nobody' });
      return;
    }
    if (all.length >= OPEN_ASKS && left !== undefined) this.#close(left, 'withdrawn');
    const since = Date.now();
    const request: AskRequest = {
      ...{ id: String(this.#next), plugin, host, port, door, suggestion, since },
      deadline: since + this.#timeoutMs,
      pid: line.pid ?? undefined,
      program: line.program ?? undefined,
    };
    this.#next += 1;
    const late = (): void => this.#close(open, { answer: 'timeout', by: 'nobody' });
    const open: Open = {
      ...{ request, address: line.address, asking: new Map([[key, line]]) },
      timer: setTimeout(late, this.#timeoutMs).unref(),
    };
    this.#open.set(request.id, open);
    this.emit('opened', request);
  }

  /** The broker waits for an answer no more. */
  askEnded({ plugin, id }: Extract<BrokerLine, { type: 'ask_ended' }>): void {
    for (const open of this.#open.values()) {
      const [asked] = [...open.asking].filter(([, line]) => line.plugin === plugin && line.id === id);
      if (asked === undefined) continue;
      open.asking.delete(asked[0]);
      if (open.asking.size === 0) this.#close(open, 'withdrawn');
    }
  }

  /** A broker acts on an answer. If that broker ends, a denial still holds, and an approval has served. */
  taken(line: Extract<BrokerLine, { type: 'ask_taken' }>): void {
    const taken = this.#kept.get(keyOf(line));
    if (taken === undefined || taken.answer === 'deny' || taken.answer === 'timeout') return;
    // protects: G20 ask: an approval on which a broker has acted serves no further one
    for (const [key, kept] of this.#kept) if (kept === taken) this.#kept.delete(key);
  }

  /** The broker is gone. Its questions stay: the next broker asks them again if their callers still wait. */
  brokerEnded(): void {
    // protects: G20 ask: a number of a former broker means nothing
    for (const { asking } of this.#open.values()) asking.clear();
  }

  /** A plugin is gone: nobody waits for its answers, and none is for its next run. */
  pluginEnded(plugin: string): void {
    for (const open of this.#open.values())
      if (open.request.plugin === plugin) this.#close(open, 'withdrawn');
    for (const [key, kept] of this.#kept) if (kept.plugin === plugin) this.#kept.delete(key);
  }

  /** Ends every question without an answer. */
  close(): void {
    for (const open of this.#open.values()) this.#close(open, 'withdrawn');
  }

  #rateOf(plugin: string): TokenBucket {
    const known = this.#rates.get(plugin);
    const rate = known ?? new TokenBucket(ASKS_PER_MINUTE / 60, ASKS_PER_MINUTE + 1);
    if (known === undefined) this.#rates.set(plugin, rate);
    return rate;
  }

  #find(id: string): Open {
    const open = this.#open.get(id);
    if (open !== undefined) return open;
    throw new PosternError('no_such_ask', `There is no open question ${quote(id.slice(0, 20))}`, {
      fix: 'it may have been answered, or its time was over',
    });
  }

  #putRule({ request: { plugin, suggestion } }: Open): Promise<void> {
    const { putRule } = this.#services;
    if (putRule === undefined)
      throw new PosternError('rule_not_written', 'There is no file to write the rule to', {
        fix: 'approve it once, or for this run',
      });
    return putRule(plugin, suggestion);
  }

  /** @param inForce of a rule, which decides what waits. No approval is kept beside it: it could not be taken back */
  #close(open: Open, ending: AskEnding, inForce?: Promise<void>): void {
    const { request, asking } = open;
    if (!this.#open.delete(request.id)) return;
    clearTimeout(open.timer);
    if (ending !== 'withdrawn') {
      const { answer, by } = ending;
      const tell = (): void => {
        for (const line of asking.values()) this.#answer(line, ending);
      };
      // protects: G20 ask: an approval as a rule lasts as long as the rule => if (answer === 'run' || answer === 'rule') this.#keepApproved(request, answer, by);
      if (answer === 'run') this.#keepApproved(request, answer, by);
      if (inForce === undefined) {
        this.#keepAnswer(open, answer, by);
        tell();
      } else void inForce.then(tell);
    }
    this.emit('closed', request, ending);
  }

  #keepApproved({ plugin, host, port }: AskRequest, answer: 'run' | 'rule', by: Answerer): void {
    this.#services.keep(plugin, { host, port, answer, by });
  }

  #answer({ plugin, id, host, port }: AskedLine, { answer, by }: Pick<KeptAnswer, 'answer' | 'by'>): void {
    this.#services.answer({ type: 'ask_answered', plugin, id, host, port, answer, by });
  }

  /** The broker may end before it has acted on it. */
  #keepAnswer({ request, address }: Open, answer: AskEnd, by: Answerer): void {
    const now = performance.now();
    for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key);
    const kept = { plugin: request.plugin, answer, by, until: now + ANSWER_KEPT_MS };
    this.#kept.set(keyOf(request), kept);
    if (address !== null) this.#kept.set(keyOf({ ...request, host: address }), kept);
  }
}

function keyOf({ plugin, host, port }: Pick<AskRequest, 'plugin' | 'host' | 'port'>): string {
  return `${plugin} ${host} ${port}`;
}

// A question about a destination that no rule allows, as those who answer see it.

export interface AskRequest {
  /** Names the question. No other question of this supervisor has it. */
  readonly id: string;
  readonly plugin: string;
  /** A name, or an address that is not special. Safe to print. */
  readonly host: string;
  /** 443 for a look-up: it has no port, and a rule without a port is about this one. */
  readonly port: number;
  /** What waits: a connect(2), a look-up, or a request on a channel. */
  readonly door: AskDoor;
  /** The process that asks, on the host, if it is known. */
  readonly pid: number | undefined;
  /** Its name, which the program chooses itself. Print it quoted. */
  readonly program: string | undefined;
  /** When it was asked, and when it is denied without an answer: milliseconds since 1970, for display. */
  readonly since: number;
  readonly deadline: number;
  /** The rule that would allow it. */
  readonly suggestion: string;
}

/** `once`: what waits. `run`: until postern ends. `rule`: also in later runs, by a rule in the file. */
export interface AskAnswer {
  readonly answer: AskScope | 'deny';
}

/** How a question ended. `withdrawn`: nobody waits any more, or new rules have decided. */
export type AskEnding = { readonly answer: AskEnd; readonly by: Answerer } | 'withdrawn';
