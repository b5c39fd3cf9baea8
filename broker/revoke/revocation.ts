// Ends the connections of a plugin that its rules do not allow any more. Runs in the broker.
import type { NotedConnection } from '../accounts/connection-places.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import { endConnections } from './end-connections.js';
import { isAddressAllowed, isStillAllowed } from './is-still-allowed.js';

/** A plugin's revocations, one after the other. */
export class Revocation {
  readonly #services: Services;
  readonly #plugin: Plugin;
  #running = false;
  #again = false;

  constructor(services: Services, plugin: Plugin) {
    this.#services = services;
    this.#plugin = plugin;
  }

  /** Decides again on each open connection, now and after what is under way. Does nothing if the plugin's connections may go on. */
  begin(): void {
    if (this.#plugin.revoke !== 'immediate') return;
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      // What was answered is described first.
      this.#services.audit.flush();
      const { connections } = this.#plugin;
      const revoked = this.#revoked();
      if (connections !== undefined && revoked.length > 0)
        await endConnections(this.#services, this.#plugin, connections, revoked, 'revoked');
      const sockets = this.#revokedSockets();
      // protects: G7 a withdrawn rule ends connections to UNIX sockets
      if (connections?.hostSockets !== undefined && sockets.length > 0)
        await endConnections(this.#services, this.#plugin, connections.hostSockets, sockets, 'revoked');
    }
    this.#running = false;
  }

  #revokedSockets(): readonly NotedConnection[] {
    const { policy, connections } = this.#plugin;
    if (policy === undefined) return [];
    const context = this.#services.host.context();
    const noted = connections?.hostSockets?.noted() ?? [];
    return noted.filter(
      ({ description }) => description === undefined || !isStillAllowed(policy, description, context),
    );
  }

  #revoked(): readonly NotedConnection[] {
    const { policy, connections } = this.#plugin;
    if (policy === undefined || connections === undefined) return [];
    const context = this.#services.host.context();
    return connections.noted().filter(({ description, peer, isLeft }) => {
      if (description !== undefined) return !isStillAllowed(policy, description, context);
      // It is being made, and decided again once it is described. Of a dead broker's the address alone is known.
      return isLeft && !isAddressAllowed(policy, peer, context);
    });
  }
}
