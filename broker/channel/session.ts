// One channel's session: it reads requests from a pipe, checks, queues and answers them. Runs in the broker. The bytes are hostile. A
// protocol error ends this session, with an audit event, and no other.
import { CHANNELS_PER_PLUGIN, CONNECT_TIMEOUT_MS, MAX_REQUEST_BYTES } from '../../shared/limits.js';
import type { ChannelPacket } from '../../shared/protocol/link.js';
import {
  type ChannelRequest,
  type ConnectRequest,
  type ExplainRequest,
  PROTOCOL_VERSION,
} from '../../shared/protocol/messages.js';
import { encodeReply } from '../../shared/protocol/replies.js';
import { decodeRequest } from '../../shared/protocol/requests.js';
import { setNonBlocking } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { readPipe } from '../../shared/sys/pipe.js';
import { shutDown } from '../../shared/sys/socket.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import type { ProtocolErrorKind } from '../../shared/words.js';
import { NO_DESCRIPTOR } from '../limit/descriptor-shares.js';
import { account, limitReply } from '../request/account.js';
import { refuseQueued } from '../request/judgement.js';
import type { Plugin, Services } from '../request/plugin.js';
import { ChannelClient } from './channel-client.js';
import { handleConnect, handleExplain } from './handle-connect.js';
import { ReplyWriter } from './reply-writer.js';

/** The ends of both sides, until the plugin has its own. */
const CHANNEL_DESCRIPTORS = 4;

const buffer = new Uint8Array(MAX_REQUEST_BYTES);

/** A request needs nothing, a hello before it, or also an id that is not in flight. Otherwise it ends the session. */
interface RequestRule<R extends ChannelRequest = ChannelRequest> {
  readonly needs: 'nothing' | 'hello' | 'fresh_id';
  readonly take: (session: Session, request: R) => void;
}

/** Serves one channel until the plugin closes it or breaks the protocol. */
export class Session {
  /** Every request that may come. */
  static readonly #REQUESTS: {
    readonly [O in ChannelRequest['op']]: RequestRule<ChannelRequest & { readonly op: O }>;
  } = {
    hello: { needs: 'nothing', take: (session) => session.#greet() },
    cancel: { needs: 'hello', take: (session, { id }) => session.#client.cancel(id) },
    open_channel: { needs: 'fresh_id', take: (session, { id }) => session.#openChannel(id) },
    connect: { needs: 'fresh_id', take: (session, request) => session.#enqueue(request) },
    explain: { needs: 'fresh_id', take: (session, request) => session.#enqueue(request) },
  };
  readonly number: number;
  readonly plugin: Plugin;
  readonly #services: Services;
  readonly #events: SessionEvents<Session>;
  readonly #request: OwnedFd;
  readonly #reply: OwnedFd;
  readonly #replies: ReplyWriter;
  readonly #watch: Watch;
  /** Whether a hello has come, here or to another broker. */
  #greeted: boolean;
  #client: ChannelClient;
  #open = true;

  constructor({ services, events, plugin, number, ends, resumed }: SessionSetup<Session>) {
    this.#services = services;
    this.#events = events;
    this.plugin = plugin;
    this.number = number;
    this.#request = ends.request;
    this.#reply = ends.reply;
    this.#greeted = resumed !== false;
    if (this.#greeted) plugin.shows('channel');
    setNonBlocking(ends.request.number, true);
    this.#watch = new Watch(ends.request.number, () => this.#read());
    const underGuard = <T>(work: () => T): T => services.guard.watch(plugin.stall, work);
    this.#replies = new ReplyWriter(
      ends.reply,
      { drained: () => this.#watch.want(READABLE), broken: () => this.end() },
      underGuard,
      plugin.descriptors,
    );
    this.#client = new ChannelClient(plugin, this.#replies);
    plugin.channels += 1;
    this.#watch.want(READABLE);
    if (resumed === 'unanswered')
      void this.#replies.send(encodeReply({ op: 'hello', version: PROTOCOL_VERSION, resumed: true }));
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the program waits for an answer to a request that was read. */
  get isUnanswered(): boolean {
    return this.#open && (this.#client.isWaiting || this.#replies.isWaiting);
  }

  /**
   * Ends the session: cancels what is in flight, and shuts the channel for every holder of its ends. The plugin may still receive what it was
   * sent. Until it has received every descriptor the channel keeps its place, here and in the supervisor.
   *
   * @param offence how a request broke the protocol
   */
  end(offence?: ProtocolErrorKind): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    this.#services.guard.watch(this.plugin.stall, () => shutDown(this.#reply.number));
    // Nothing can be sent there any more, so this look finds whatever was sent.
    const kind =
      offence ??
      /* protects: G8 channel: what was sent there is looked for when the session ends */ this.#replies.intrusion();
    if (kind !== undefined) this.#report(kind);
    this.#replies.end();
    this.#client.retire();
    // protects: G8 an ended channel keeps its place while sockets wait in it => this.#events.ended(this);
    this.#replies.whenReceived(() => this.#events.ended(this));
  }

  /**
   * Closes the ends of a session that has ended. The broker is their last holder, so the close may wait: for the pipe's lock, which the
   * plugin may hold, and for files that it has sent. Until then the session counts as one of the plugin's channels.
   */
  close(): void {
    const closed =
      /* protects: G8 the broker closes its ends on the thread apart => Promise.resolve([this.#request.close(), this.#reply.close()]) */ this.#services.slowLane.close(
        this.plugin.stall,
        [this.#request, this.#reply],
      );
    void closed.then(() => {
      this.plugin.channels -= 1;
    });
  }

  /** Takes a few requests, then gives other plugins their turn: the watch is level-triggered. */
  #read(): void {
    while (
      this.#open &&
      /* protects: G8 all channels of a plugin share its turn */ !this.plugin.turn.isOverFor(this)
    ) {
      if (
        /* protects: G8 a plugin that does not read is not read */ this.#replies.isFull ||
        this.#mustWait()
      ) {
        this.#watch.want(0);
        return;
      }
      // The read may wait: a write(2) that waits for its caller's memory holds the pipe's lock.
      const length = this.#services.guard.watch(this.plugin.stall, () =>
        readPipe(this.#request.number, buffer),
      );
      if (length <= 0) {
        if (length === 0 || errnoName(-length) !== 'EAGAIN') this.end();
        return;
      }
      this.plugin.turn.take();
      const request = decodeRequest(buffer.subarray(0, length));
      const problem = typeof request === 'string' ? request : this.#take(request);
      if (problem !== undefined) this.end(problem);
    }
    if (this.#open && this.plugin.turn.isStopped) this.#watch.want(0);
  }

  /** While the log has no room, a request that the queue would refuse stays in the pipe: the refusal would be an event. */
  #mustWait(): boolean {
    const { gate, queue } = this.plugin;
    if (
      /* protects: G8 requests that find the queue full stay in the pipe => true */ gate.isOpen ||
      !queue.isFull
    )
      return false;
    queue.whenRoom(this.#resume);
    gate.whenOpen(this.#resume);
    return true;
  }

  readonly #resume = (): void => {
    if (this.#open) this.#watch.want(READABLE);
  };

  #take(request: ChannelRequest): ProtocolErrorKind | undefined {
    const { needs, take } = Session.#REQUESTS[request.op] as RequestRule;
    // protects: G8 channel: a hello comes first
    if (needs !== 'nothing' && !this.#greeted) return 'version';
    // protects: G8 an id in flight is not used again
    if (needs === 'fresh_id' && 'id' in request && this.#client.isInFlight(request.id)) return 'bad_shape';
    take(this, request);
    return undefined;
  }

  /** A later hello comes from another program, which has the channel from now on. Requests of the former one are void. */
  #greet(): void {
    this.#client.retire();
    this.#client = new ChannelClient(this.plugin, this.#replies);
    this.#greeted = true;
    this.plugin.shows('channel');
    void this.#replies.send(encodeReply({ op: 'hello', version: PROTOCOL_VERSION }));
  }

  #enqueue(request: ConnectRequest | ExplainRequest): void {
    const { op, id } = request;
    const timeoutMs = (op === 'connect' ? request.timeout_ms : undefined) ?? CONNECT_TIMEOUT_MS;
    const client = this.#client;
    const life = client.begin(id, timeoutMs);
    const refusal = this.plugin.queue.add(life, () =>
      op === 'connect'
        ? handleConnect(this.#services, client, request, life)
        : handleExplain(this.#services, client, request, life),
    );
    if (refusal === undefined) return;
    const judgement = refuseQueued(this.plugin, request, refusal);
    account(this.#services, this.plugin, judgement);
    void client.answer(limitReply(id, judgement));
  }

  #openChannel(id: number): void {
    // protects: G8 channel: so many of a plugin and no more
    if (this.plugin.channels >= CHANNELS_PER_PLUGIN) {
      this.plugin.metrics.count('limitRejections', { limit: 'concurrency' });
      this.#client.refuseChannel(id, `${CHANNELS_PER_PLUGIN} are open`);
      return;
    }
    if (!this.plugin.descriptors.hasRoom(CHANNEL_DESCRIPTORS)) {
      this.plugin.metrics.count('limitRejections', { limit: 'broker_descriptors' });
      this.#client.refuseChannel(id, NO_DESCRIPTOR);
      return;
    }
    const client = this.#client;
    client.begin(id, CONNECT_TIMEOUT_MS);
    this.#askForChannel(client, id);
  }

  /** While the log has no room, no channel is made: each may end with an event, for what the plugin sends there. It counts meanwhile. */
  #askForChannel(client: ChannelClient, id: number): void {
    const { plugin } = this;
    const ask = (): void => this.#events.channelWanted(this, client, id);
    if (/* protects: G8 full log: no further channel is made => true */ plugin.gate.isOpen) {
      ask();
      return;
    }
    plugin.channels += 1;
    plugin.gate.whenOpen(() => {
      plugin.channels -= 1;
      if (client.open) ask();
    });
  }

  #report(kind: ProtocolErrorKind): void {
    this.plugin.metrics.count('protocolErrors', { kind });
    this.#services.audit.protocolError({ plugin: this.plugin.name, door: 'channel', kind });
  }
}

// What a session is made of, and whom it calls.

/** The broker's ends of a channel. */
interface SessionEnds {
  readonly request: OwnedFd;
  readonly reply: OwnedFd;
}

/** The descriptors of a channel packet: the broker's ends, and with `answers` the plugin's. */
export interface ChannelEnds extends SessionEnds {
  readonly pluginRequest: OwnedFd | undefined;
  readonly pluginReply: OwnedFd | undefined;
}

/** The session's calls to the process around it. */
export interface SessionEvents<Session> {
  /**
   * The session has ended: the channel is shut for every holder of its ends, and no descriptor waits there. The ends are closed later, by
   * close().
   */
  ended(session: Session): void;
  /** The plugin asked for another channel. The client gets it, or is refused it. */
  channelWanted(session: Session, client: ChannelClient, id: number): void;
}

/** A channel to serve. */
interface SessionSetup<Session> {
  readonly services: Services;
  readonly events: SessionEvents<Session>;
  readonly plugin: Plugin;
  /** Names the session to the supervisor. */
  readonly number: number;
  readonly ends: SessionEnds;
  /** Another broker has served this channel, and the plugin has said hello already. It gets a message if requests may be unanswered. */
  readonly resumed: ChannelPacket['resumed'];
}
