// What the supervisor says to the broker that runs, and asks it. Runs in the supervisor. Without a broker, words are lost and questions fail.
import { EventEmitter } from 'node:events';
import type { LimitWord } from '../../../shared/config/limit-forms.js';
import type { ExplainQuestion, Explanation } from '../../../shared/protocol/link.js';
import type { Answerer, AskEnd } from '../../../shared/reasons.js';
import { askExplanation, askMetrics } from './ask-broker.js';
import type { BrokerEvents } from './broker-events.js';
import { brokerFailed } from './broker-failed.js';
import type { BrokerLines } from './broker-lines.js';
import { DroppedEvents } from './dropped-events.js';
import type { Heartbeat } from './heartbeat.js';
import type { SpawnedBroker } from './spawn-broker.js';

export class BrokerTalk extends EventEmitter<BrokerEvents> {
  readonly #dropped = new DroppedEvents();
  #link: SpawnedBroker | undefined;
  #heartbeat: Heartbeat | undefined;

  /** The running broker's pid. */
  get pid(): number | undefined {
    return this.#link?.child.pid;
  }

  /** The broker that runs. */
  protected get link(): SpawnedBroker | undefined {
    return this.#link;
  }

  protected get heartbeat(): Heartbeat | undefined {
    return this.#heartbeat;
  }

  /** Its way to the broker. @throws PosternError `broker_failed` */
  protected get lines(): BrokerLines {
    if (this.#link === undefined) throw brokerFailed('no broker is running');
    return this.#link.lines;
  }

  /** A broker runs, and takes what earlier ones could not be told. */
  protected talkTo(link: SpawnedBroker): void {
    this.#link = link;
    this.#dropped.tell(link.lines);
  }

  protected watchedBy(heartbeat: Heartbeat | undefined): void {
    this.#heartbeat = heartbeat;
  }

  /** No broker runs. */
  protected talkToNobody(): void {
    this.#link = undefined;
    this.#heartbeat?.close();
    this.#heartbeat = undefined;
  }

  /** Reports audit events that could not be written. The broker counts them with its own; without one, the next broker does. */
  auditDropped(events: number): void {
    this.#dropped.add(events);
    this.#dropped.tell(this.#link?.lines);
  }

  /** The audit log is full, or has room again. @param room undefined: it loses events, and the broker need not know */
  auditRoom(room: boolean | undefined): void {
    if (room !== undefined) this.#link?.lines.send({ type: 'audit_room', room });
  }

  /** Answers a question of the running broker. */
  answerAsk(plugin: string, id: number, answer: AskEnd, by: Answerer): void {
    this.#link?.lines.send({ type: 'ask_answered', plugin, id, answer, by });
  }

  /** Has the broker write the refused look-ups of a plugin that it gathers. */
  tellRefusals(plugin: string): void {
    this.#link?.lines.send({ type: 'tell_refusals', plugin });
  }

  /** Reports refusals by a limit that is not the broker's. The broker counts them with its own. */
  limited(plugin: string, limit: LimitWord, times: number): void {
    this.#link?.lines.send({ type: 'limited', plugin, limit, times });
  }

  /** The broker's metrics in Prometheus' text format; undefined where no broker answers. */
  async metrics(): Promise<string | undefined> {
    if (this.#link === undefined || this.#heartbeat?.answers === false) return undefined;
    return askMetrics(this.#link.lines);
  }

  /** Seconds since the broker last answered; undefined where no broker runs. */
  get heartbeatAge(): number | undefined {
    return this.#heartbeat?.ageSeconds;
  }

  /**
   * Asks the broker for its decision.
   *
   * @throws PosternError `broker_failed` where the broker gives no answer
   */
  async explain(plugin: string, question: ExplainQuestion): Promise<Explanation> {
    return askExplanation(this.lines, plugin, question);
  }
}
