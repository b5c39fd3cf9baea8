// Carries out the broker's orders for plugins, or refuses them. Runs in the supervisor. The broker may have been taken over: each taker says what a false
// order gains it. What may wait is done by threads, and the answer goes to the broker that has ordered it.
import { constants } from 'node:os';
import type { HostSocketPacket, MarkSocketPacket } from '../../../shared/protocol/link.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { ConnectsAsPlugin } from '../orders/connects-as-plugin.js';
import { PluginLanes } from '../orders/plugin-lanes.js';
import type { SentSocket } from '../orders/sent-descriptors.js';
import type { BrokerLines } from './broker-lines.js';
import type { BrokerPackets } from './broker-packets.js';
import type { KeptTrap } from './kept.js';
import { type AnswerOrder, type ModeOrder, receiveOrders, type UnixOrder } from './read-orders.js';

/** The ways to a running broker. */
export interface Link {
  readonly lines: BrokerLines;
  readonly packets: BrokerPackets;
}

/** What the operator has permitted. */
export interface Permissions {
  /** Whether there is such a plugin, and whether the operator has set that mark. */
  readonly mayMark: (plugin: string, mark: number) => boolean;
  /** Whether the plugin's rules open the host's socket at that path. */
  readonly mayReach: (plugin: string, path: string) => boolean;
}

interface Context {
  readonly permissions: Permissions;
  /** Undefined: no broker runs. */
  readonly link: () => Link | undefined;
  readonly trap: (number: number) => KeptTrap | undefined;
  /** Whether more than one sandbox runs. */
  readonly hasNeighbours: () => boolean;
}

export class Orders {
  readonly #unixConnects = new ConnectsAsPlugin();
  readonly #lanes = new PluginLanes();
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** A plugin is gone. */
  endPlugin(plugin: string): void {
    this.#lanes.end(plugin);
  }

  /** A trap is gone. @param descriptors of it, closed after its last order */
  endTrap(trap: number, descriptors: readonly OwnedFd[]): void {
    this.#lanes.end(trap);
    this.#unixConnects.end(trap, descriptors);
  }

  /** @param packets owned from here on @returns what ends that, and closes the socket */
  receive(packets: OwnedFd): () => void {
    return receiveOrders(packets, {
      unix_connect: (order, socket) => this.#connectUnix(order, socket),
      mark_socket: (order, socket) => this.#markSocket(order, socket),
      host_socket: (order) => this.#openSocket(order),
      folder_mode: (order) => this.#setMode(order),
      caller_answer: (order) => this.#answerCaller(order),
    });
  }

  /** The broker names the trap. It gains nothing by another one's: the socket must be that sandbox's. */
  #connectUnix({ session: number, id, target }: UnixOrder, socket: SentSocket | undefined): void {
    const answer = this.#answerTo(number, id);
    if (socket === undefined) {
      answer(-constants.errno.EAGAIN);
      return;
    }
    const trap = this.#context.trap(number);
    const pluginId = trap?.pluginId;
    if (trap === undefined || pluginId === undefined) {
      socket.close();
      return;
    }
    this.#unixConnects.connect({ ...trap, pluginId, kill: this.#killerOf(trap) }, socket, target, answer);
  }

  /** The broker names the plugin. It gains nothing by another one: it makes the connections of all of them. */
  #markSocket({ plugin, id, mark }: MarkSocketPacket, socket: SentSocket | undefined): void {
    const lines = this.#context.link()?.lines;
    const answer = (result: number): void => lines?.send({ type: 'plugin_order_done', plugin, id, result });
    if (socket === undefined) answer(-constants.errno.EAGAIN);
    else if (
      /* protects: G22 a broker gets no mark that is in no rules => true */ this.#context.permissions.mayMark(
        plugin,
        mark,
      )
    ) {
      this.#lanes.mark(plugin, socket, mark, answer);
    } else {
      socket.close();
      answer(-constants.errno.EPERM);
    }
  }

  /** The broker names the plugin. It gains nothing by another one: it makes the connections of all of them. */
  #openSocket({ plugin, id, path }: HostSocketPacket): void {
    const link = this.#context.link();
    const refuse = (result: number): void =>
      link?.lines.send({ type: 'plugin_order_done', plugin, id, result });
    if (
      /* protects: G16 a broker gets no socket of the host that no rule names => false */ !this.#context.permissions.mayReach(
        plugin,
        path,
      )
    )
      refuse(-constants.errno.EACCES);
    else
      this.#lanes.openSocket(plugin, path, (result) => {
        if (result < 0) refuse(result);
        else if (link === undefined) new OwnedFd(result).close();
        else link.packets.socketFile(plugin, id, new OwnedFd(result));
      });
  }

  /** The broker names the trap. It gains nothing by another one's: the folder is that sandbox's, and its plugin could do the same. */
  #setMode({ session: number, id, change }: ModeOrder): void {
    const trap = this.#context.trap(number);
    if (trap === undefined) return;
    this.#lanes.setMode(trap, change, this.#answerTo(number, id));
  }

  /** The broker names the caller, too. It gains nothing by another one: the kernel must confirm that it waits for an answer. */
  #answerCaller({ session: number, id, tid, bytes }: AnswerOrder): void {
    const trap = this.#context.trap(number);
    if (trap === undefined) return;
    const answer = { tid, pidNamespace: trap.pidNamespace, bytes };
    this.#lanes.answer(number, answer, this.#answerTo(number, id));
  }

  #answerTo(trap: number, id: number): (result: number | 'host') => void {
    // A successor numbers its own orders: it must not take the answer to this one.
    const lines = this.#context.link()?.lines;
    return (result) => lines?.send({ type: 'order_done', session: trap, id, result });
  }

  /** A plugin that is alone delays nobody. */
  #killerOf(trap: KeptTrap): () => void {
    return () => {
      if (this.#context.hasNeighbours()) trap.kill();
    };
  }
}
