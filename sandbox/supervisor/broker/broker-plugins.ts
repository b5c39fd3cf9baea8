// What every broker must know of each plugin: its rules, and the destinations that were approved for this run. Runs in the supervisor.
import type { ApprovedDestination } from '../../../shared/protocol/link.js';
import type { PluginLine } from './configure-plugin.js';

const NONE: readonly ApprovedDestination[] = [];

export class BrokerPlugins {
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
