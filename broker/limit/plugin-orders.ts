// What the broker has the supervisor do for a plugin's connections: mark a socket (`via.mark`), since the broker has no capability, and open the file of
// a host's socket, since a user's broker sees none. A mark must be there before the socket connects: the kernel looks for the way then. Runs in the broker.
import { constants } from 'node:os';
import type { HostSocketPacket, MarkSocketPacket, SupervisorLine } from '../../shared/protocol/link.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { OrderQueue } from './order-queue.js';

const { ECANCELED, EPROTO } = constants.errno;

export class PluginOrders {
  /** Of each plugin that has orders. */
  readonly #queues = new Map<string, OrderQueue<OwnedFd>>();
  #next = 1;

  /** @returns 0, or minus errno: ECANCELED if the socket was closed meanwhile, or if the plugin is gone */
  async mark(plugin: string, mark: number, socket: OwnedFd): Promise<number> {
    const packet = { type: 'mark_socket', plugin, id: this.#nextId(), mark } as const;
    const result = await this.#add(packet, () => (socket.open ? [socket.number] : undefined));
    return typeof result === 'number' ? result : -EPROTO;
  }

  /** @returns as openSocketFile() does; ECANCELED if the plugin is gone */
  openSocketFile(plugin: string, path: string): Promise<OwnedFd | number> {
    return this.#add({ type: 'host_socket', plugin, id: this.#nextId(), path }, () => []);
  }

  /** @param result a file is owned from here on */
  done(
    { plugin, id }: Pick<SupervisorLine & { readonly type: 'plugin_order_done' }, 'plugin' | 'id'>,
    result: OwnedFd | number,
  ): void {
    const taken = this.#queues.get(plugin)?.answer(id, result) === true;
    if (!taken && typeof result !== 'number') result.close();
  }

  /** The plugin is gone. */
  forget(plugin: string): void {
    this.#queues.get(plugin)?.close(-ECANCELED);
    this.#queues.delete(plugin);
  }

  #nextId(): number {
    const id = this.#next;
    this.#next += 1;
    return id;
  }

  #add(
    packet: MarkSocketPacket | HostSocketPacket,
    descriptors: () => readonly number[] | undefined,
  ): Promise<OwnedFd | number> {
    const { plugin, id } = packet;
    const queue = this.#queues.get(plugin) ?? new OrderQueue<OwnedFd>();
    this.#queues.set(plugin, queue);
    const bytes = Buffer.from(JSON.stringify(packet));
    return new Promise((done) => {
      queue.add({ id, bytes, descriptors, done });
    });
  }
}
