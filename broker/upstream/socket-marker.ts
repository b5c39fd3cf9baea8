// Has the supervisor mark the sockets of plugins (`via.mark`): the broker has no capability. A mark must be there before the socket connects,
// since the kernel looks for the way then. Runs in the broker.
import { constants } from 'node:os';
import type { MarkSocketPacket, SupervisorLine } from '../../shared/protocol/link.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { OrderQueue } from '../limit/order-queue.js';

export class SocketMarker {
  /** Of each plugin that has a mark. */
  readonly #queues = new Map<string, OrderQueue>();
  #next = 1;

  /** @returns 0, or minus errno: ECANCELED if the socket was closed meanwhile, or if the plugin is gone */
  mark(plugin: string, mark: number, socket: OwnedFd): Promise<number> {
    const queue = this.#queues.get(plugin) ?? new OrderQueue();
    this.#queues.set(plugin, queue);
    const id = this.#next;
    this.#next += 1;
    const packet: MarkSocketPacket = { type: 'mark_socket', plugin, id, mark };
    const bytes = Buffer.from(JSON.stringify(packet));
    return new Promise((done) => {
      queue.add({ id, bytes, descriptors: () => (socket.open ? [socket.number] : undefined), done });
    });
  }

  marked({ plugin, id, result }: SupervisorLine & { readonly type: 'socket_marked' }): void {
    this.#queues.get(plugin)?.answer(id, result);
  }

  /** The plugin is gone. */
  forget(plugin: string): void {
    this.#queues.get(plugin)?.close(-constants.errno.ECANCELED);
    this.#queues.delete(plugin);
  }
}
