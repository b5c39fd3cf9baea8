// Ends the connections of a plugin that its rules do not allow any more. Runs in the broker.
import { END_AGAIN_MS } from '../../shared/limits.js';
import type { ConnectionPlaces, NotedConnection, OpenRegister } from '../accounts/connection-places.js';
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
    let hasEnded = true;
    while (this.#again) {
      this.#again = false;
      // What was answered is accounted for first. What is under way is decided again once it is.
      this.#services.audit.flush();
      const { connections } = this.#plugin;
      hasEnded = await this.#end(connections, this.#revoked(connections));
      // protects: G7 a withdrawn rule ends connections to UNIX sockets
      hasEnded =
        (await this.#end(connections?.hostSockets, this.#revoked(connections?.hostSockets))) && hasEnded;
    }
    this.#running = false;
    if (!hasEnded) setTimeout(() => this.begin(), END_AGAIN_MS).unref();
  }

  /** @returns whether they have ended */
  async #end(register: OpenRegister | undefined, connections: readonly NotedConnection[]): Promise<boolean> {
    if (register === undefined || connections.length === 0) return true;
    return endConnections(this.#services, this.#plugin, register, connections, 'revoked');
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
