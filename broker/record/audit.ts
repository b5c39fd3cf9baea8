// The audit log: one JSON line an event, built by pino, taken by the supervisor. Runs in the broker.
import { randomBytes } from 'node:crypto';
import { type Logger, pino } from 'pino';
import { AUDIT_BACKLOG_BYTES } from '../../shared/limits.js';
import type {
  DecisionWord,
  Outcome,
  ProtocolErrorKind,
  Reason,
  TrapCall,
  WayOut,
} from '../../shared/reasons.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { LineLink } from '../link.js';

/** Every key is always there: null where it does not apply. */
export interface DecisionEvent {
  readonly decision_id: string;
  readonly plugin: string;
  /** Known at the trap's door only: a channel names a plugin, no process of it. */
  readonly pid: number | null;
  /** As its process calls itself, proc(5) comm. */
  readonly program: string | null;
  readonly door: WayOut;
  readonly mode: string;
  readonly decision: DecisionWord;
  readonly reason: Reason;
  readonly rule: string | null;
  readonly host: string;
  readonly port: number;
  /** Of the trap: the names that the sandbox was told this address under. */
  readonly names: readonly string[];
  readonly addresses_considered: readonly string[];
  readonly addresses_dropped: readonly string[];
  readonly dialed: string | null;
  readonly dns_ms: number | null;
  readonly connect_ms: number | null;
  readonly outcome: Outcome | null;
  readonly policy_hash: string | null;
  /** Of a refusal alone, for the operator; may name rules and addresses. */
  readonly message?: string;
  readonly suggestion?: string;
}

export interface ProtocolErrorEvent {
  readonly plugin: string;
  readonly door: WayOut;
  readonly kind: ProtocolErrorKind;
}

/** Questions that a sandbox's DNS refused, or answers in audit mode alone; equal ones of a minute are gathered. */
export interface QuestionEvent {
  readonly plugin: string;
  /** Whose socket the question came from, where its connect(2) or bind(2) was seen. */
  readonly pid: number | null;
  readonly program: string | null;
  readonly door: WayOut;
  readonly mode: string;
  /** How many questions this line stands for. */
  readonly questions: number;
  /** Whether it tells again of what a line before has told. */
  readonly repeated: boolean;
  /** null for the rest of a minute in which very many names were refused; then type, reason and rule are null too. */
  readonly name: string | null;
  /** `A`, `AAAA`, `HTTPS`, …, or `TYPE` and its number. */
  readonly type: string | null;
  readonly decision: DecisionWord;
  readonly reason: Reason | null;
  readonly rule: string | null;
  readonly addresses_dropped: readonly string[];
  readonly policy_hash: string | null;
  readonly message: string;
  readonly suggestion?: string;
}

/** UDP sockets that were turned to the outside, within a second. */
export interface DatagramEvent {
  readonly plugin: string;
  /** The first one's. */
  readonly pid: number | null;
  readonly program: string | null;
  readonly door: WayOut;
  readonly decision: 'deny';
  readonly reason: Extract<Reason, 'udp_refused'>;
  /** How many there were, and where the first went. */
  readonly count: number;
  readonly host: string | null;
  readonly port: number | null;
}

/** Calls on sockets of the host's network that would have turned them, within a second. */
export interface SocketEvent extends Omit<DatagramEvent, 'reason'> {
  readonly reason: Extract<Reason, 'foreign_netns'>;
  readonly call: TrapCall;
  readonly message: string;
}

/** A connect to the sandbox's own loopback found nobody there: no refusal, but what a user may wonder at. */
export interface LoopbackEvent {
  readonly plugin: string;
  readonly pid: number | null;
  readonly program: string | null;
  readonly door: WayOut;
  readonly host: string;
  readonly port: number;
  readonly message: string;
  /** The rule that would open the host's own. */
  readonly suggestion: string;
}

/** A plugin held the broker up, and was ended for it. */
export interface SlowEvent {
  readonly plugin: string;
  readonly action: 'killed';
  readonly milliseconds: number;
}

type EventName =
  | 'decision'
  | 'explain'
  | 'question'
  | 'datagram'
  | 'socket'
  | 'slow'
  | 'loopback'
  | 'protocol_error';

/** Writes events to the supervisor; past AUDIT_BACKLOG_BYTES, or a plugin's own share, they are dropped and counted. */
export class Audit {
  readonly #log: Logger<EventName>;
  /** Decision ids are unique across brokers too. */
  readonly #prefix: string = randomBytes(6).toString('hex');
  readonly #onDropped: () => void;
  readonly #shares = new Map<string, { readonly bucket: TokenBucket; readonly limited: () => void }>();
  #count = 0;

  /** @param onDropped called for each event that found the backlog full */
  constructor(link: LineLink, onDropped: () => void) {
    this.#onDropped = onDropped;
    const write = (line: string): void => {
      if (link.backlogBytes + line.length > AUDIT_BACKLOG_BYTES) onDropped();
      else link.sendSoon(`{"type":"audit","line":${line.trimEnd()}}`);
    };
    this.#log = pino<EventName>(
      {
        base: null,
        customLevels: {
          decision: 30,
          explain: 31,
          question: 32,
          datagram: 33,
          socket: 34,
          slow: 35,
          loopback: 36,
          protocol_error: 40,
        },
        useOnlyCustomLevels: true,
        level: 'decision',
        formatters: { level: (event) => ({ event }) },
        timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      },
      { write },
    );
  }

  nextDecisionId(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }

  /** How many events of a plugin are written in a second, from now on. */
  limit(plugin: string, perSecond: number, limited: () => void): void {
    this.#shares.set(plugin, { bucket: new TokenBucket(perSecond), limited });
  }

  /** Forgets a plugin's share. */
  unlimit(plugin: string): void {
    this.#shares.delete(plugin);
  }

  decision(event: DecisionEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.decision(event);
  }

  /** A plugin asked what it would be told. */
  explain(event: DecisionEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.explain(event);
  }

  question(event: QuestionEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.question(event);
  }

  datagram(event: DatagramEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.datagram(event);
  }

  socket(event: SocketEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.socket(event);
  }

  loopback(event: LoopbackEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.loopback(event);
  }

  slow(event: SlowEvent): void {
    this.#log.slow(event);
  }

  protocolError(event: ProtocolErrorEvent): void {
    if (this.#mayWrite(event.plugin)) this.#log.protocol_error(event);
  }

  #mayWrite(plugin: string): boolean {
    const share = this.#shares.get(plugin);
    if (share === undefined || share.bucket.take()) return true;
    share.limited();
    this.#onDropped();
    return false;
  }
}
