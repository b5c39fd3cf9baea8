// Ends the connections of a plugin that its rules do not allow any more. Runs in the broker.
import type { ConnectionPlaces, NotedConnection } from '../accounts/connection-places.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import { endConnections } from './end-connections.js';
import { isStillAllowed } from './is-still-allowed.js';

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
      // What was answered is accounted for first. What is under way is decided again once it is.
      this.#services.audit.flush();
      const { connections } = this.#plugin;
      const revoked = this.#revoked(connections);
      if (connections !== undefined && revoked.length > 0)
        await endConnections(this.#services, this.#plugin, connections, revoked, 'revoked');
      const sockets = this.#revoked(connections?.hostSockets);
      // protects: G7 a withdrawn rule ends connections to UNIX sockets
      if (connections?.hostSockets !== undefined && sockets.length > 0)
        await endConnections(this.#services, this.#plugin, connections.hostSockets, sockets, 'revoked');
    }
    this.#running = false;
  }

  #revoked(register: Pick<ConnectionPlaces, 'noted'> | undefined): readonly NotedConnection[] {
    const { policy } = this.#plugin;
    if (policy === undefined || register === undefined) return [];
    const context = this.#services.host.context();
    return register
      .noted()
      .filter(
        ({ isUnderWay, description }) =>
          !isUnderWay && (description === undefined || !isStillAllowed(policy, description, context)),
      );
  }
}
