// Gives a broker the rules of one plugin. Runs in the supervisor.
import { PosternError } from '../../../shared/errors.js';
import { BROKER_START_TIMEOUT_MS } from '../../../shared/limits.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { decideUnix } from '../../../shared/policy/decide-unix.js';
import { printable } from '../../../shared/printable.js';
import type { ApprovedDestination, SupervisorLine } from '../../../shared/protocol/link.js';
import type { BrokerLines } from './broker-lines.js';
import type { Permissions } from './carry-out-orders.js';
import type { Heartbeat } from './heartbeat.js';

export type PluginLine = Extract<SupervisorLine, { type: 'plugin' }>;

/**
 * @param heartbeat excuses the broker meanwhile; undefined before the broker serves
 * @throws PosternError `bad_rules` where the broker refuses them, `broker_failed` where it does not answer
 */
export async function configurePlugin(
  lines: BrokerLines,
  line: PluginLine,
  heartbeat: Heartbeat | undefined,
): Promise<void> {
  lines.send(line);
  const answer = lines.expect((answer) => {
    if (answer.type === 'plugin_ready' && answer.plugin === line.plugin) return [];
    if (answer.type === 'plugin_refused' && answer.plugin === line.plugin) return answer.problems;
    return undefined;
  }, BROKER_START_TIMEOUT_MS);
  // Many rules take long.
  const problems = await (heartbeat?.excuse(answer) ?? answer);
  if (problems.length > 0) throw new PosternError('bad_rules', problems.map(printable).join('; '));
}

// What every broker must know of each plugin: its rules, and the destinations that were approved for this run.

const NONE: readonly ApprovedDestination[] = [];

export class BrokerPlugins implements Permissions {
  /** Of plugins that have reached a host's socket. */
  readonly #policies = new WeakMap<PluginLine, ReturnType<typeof compilePolicy>>();
  readonly #lines = new Map<string, PluginLine>();
  /** Of all rules so far: while they change, a broker may have the former ones. */
  readonly #marks = new Set<number>();
  readonly #approved = new Map<string, readonly ApprovedDestination[]>();

  get count(): number {
    return this.#lines.size;
  }

  /** The rules of each plugin. A plugin that is added meanwhile comes, too. */
  all(): IterableIterator<PluginLine> {
    return this.#lines.values();
  }

  has(plugin: string): boolean {
    return this.#lines.has(plugin);
  }

  get(plugin: string): PluginLine | undefined {
    return this.#lines.get(plugin);
  }

  /** @param line undefined: there are no rules */
  put(plugin: string, line: PluginLine | undefined): void {
    if (line === undefined) this.#lines.delete(plugin);
    else this.#lines.set(plugin, line);
    if (line?.via?.mark !== undefined) this.#marks.add(line.via.mark);
  }

  /** Whether a broker may ask for that mark. It may mix up the plugins: it makes the connections of all of them. */
  mayMark(plugin: string, mark: number): boolean {
    return this.#lines.has(plugin) && this.#marks.has(mark);
  }

  /** Whether the plugin's rules open the host's socket at that path. */
  mayReach(plugin: string, path: string): boolean {
    const line = this.#lines.get(plugin);
    if (line === undefined) return false;
    const policy = this.#policies.get(line) ?? compilePolicy(line);
    this.#policies.set(line, policy);
    return policy.ok && decideUnix(policy.policy, path).decision === 'allow';
  }

  drop(plugin: string): void {
    this.#lines.delete(plugin);
    this.#approved.delete(plugin);
  }

  approve(plugin: string, destination: ApprovedDestination): void {
    this.#approved.set(plugin, [...this.approvedOf(plugin), destination]);
  }

  approvedOf(plugin: string): readonly ApprovedDestination[] {
    return this.#approved.get(plugin) ?? NONE;
  }
}
