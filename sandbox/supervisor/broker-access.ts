// What others ask of the broker, through the supervisor. Runs in the supervisor.
import { PosternError } from '../../shared/errors.js';
import { LISTED_CONNECTIONS } from '../../shared/limits.js';
import type { ExplainQuestion, Explanation, OpenConnections } from '../../shared/protocol/link.js';
import type { Replaced } from './broker/broker-events.js';
import type { BrokerProcess } from './broker/broker-process.js';

export class BrokerAccess {
  /** From the start on. */
  protected broker: BrokerProcess | undefined;
  /** Resolves when the broker has the rules of every plugin. */
  protected serving: Promise<void> | undefined;

  get brokerPid(): number | undefined {
    return this.broker?.pid;
  }

  /** The version of postern of the broker that serves. */
  get brokerVersion(): string | undefined {
    return this.broker?.version;
  }

  /** Whether a process is this one, or has been a broker of it: nobody asks on behalf of a plugin. */
  isOwn(pid: number): boolean {
    return pid === process.pid || this.broker?.hadPid(pid) === true;
  }

  /**
   * Has a broker of the code that is installed now take the place of the one that serves. Nobody is refused because of that.
   *
   * @throws PosternError `broker_failed` where the other one does not start. Then the former one goes on
   */
  async replaceBroker(): Promise<Replaced> {
    await this.serving;
    return this.requireBroker().replace();
  }

  /** Asks the broker for its decision, DNS included. @throws PosternError `broker_failed` */
  async explain(plugin: string, question: ExplainQuestion): Promise<Explanation> {
    return this.requireBroker().explain(plugin, question);
  }

  /** Has the broker write the refused look-ups that it gathers: the next one of each name is an event at once again. */
  tellRefusals(plugin: string): void {
    this.broker?.tellRefusals(plugin);
  }

  /** The open connections of a plugin, or of all. @param most how many are listed @throws PosternError `broker_failed` */
  async connections(plugin?: string, most: number = LISTED_CONNECTIONS): Promise<OpenConnections> {
    return this.requireBroker().connections({ plugin, most });
  }

  /** Counts lines of a plugin's output that its limit dropped. */
  linesDropped(name: string, lines: number): void {
    this.broker?.limited(name, 'log_rate', lines);
  }

  /** @throws PosternError `broker_failed` before the start */
  protected requireBroker(): BrokerProcess {
    if (this.broker !== undefined) return this.broker;
    throw new PosternError('broker_failed', 'The supervisor has not been started');
  }
}
