// What the supervisor keeps for every broker, this one and its successors: the plugins' rules, channels, traps and sandboxes. Runs in the
// supervisor.
import type { ApprovedDestination } from '../../../shared/protocol/link.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { BrokerDeaths } from './broker-deaths.js';
import { BrokerPlugins } from './broker-plugins.js';
import { BrokerTalk } from './broker-talk.js';
import type { PluginLine } from './configure-plugin.js';
import { KeptForBrokers } from './kept-for-brokers.js';
import type { Channel } from './make-channel.js';
import type { TrapFacts } from './trap-keeper.js';

export class BrokerKeeping extends BrokerTalk {
  protected readonly plugins: BrokerPlugins = new BrokerPlugins();
  protected readonly kept: KeptForBrokers = new KeptForBrokers((plugin, mark) =>
    this.plugins.mayMark(plugin, mark),
  );
  protected readonly deaths: BrokerDeaths = new BrokerDeaths();

  /** Every further broker gets its rules. */
  protected keep(line: PluginLine): void {
    this.plugins.put(line.plugin, line);
    this.kept.keepConnections(line.plugin);
  }

  /** Forgets a plugin and ends its sessions. */
  removePlugin(plugin: string): void {
    this.plugins.drop(plugin);
    this.deaths.forget(plugin);
    this.link?.lines.send({ type: 'forget', plugin });
    this.kept.drop(plugin);
  }

  /** Every further broker gets it with the rules of the plugin. */
  keepApproved(plugin: string, destination: ApprovedDestination): void {
    this.plugins.approve(plugin, destination);
  }

  /** Makes a channel for a plugin. @returns the plugin's ends, owned by the caller */
  openChannel(plugin: string): Channel['plugin'] {
    return this.kept.openChannel(plugin);
  }

  /** Gives this broker and its successors the current sandbox of a plugin. @param end called when the broker asks for its end */
  openSandbox(plugin: string, end: (() => void) | undefined, pidNamespace?: string): void {
    this.kept.openSandbox(plugin, end, pidNamespace);
  }

  /**
   * Gives this broker and its successors the trap of a sandbox.
   *
   * @param trap as the launcher sends it (TRAP_DESCRIPTORS), owned from here on
   */
  openTrap(trap: readonly OwnedFd[], facts: TrapFacts): void {
    this.kept.openTrap(trap, facts);
  }
}
