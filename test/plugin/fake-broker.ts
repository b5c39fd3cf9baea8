// A small broker for the client library's tests: speaks PROTOCOL.md, dials every IPv4 address that is requested, and
// does as the test says with the rest. Runs in the test's process.
import type { ChannelEnds } from '../../sandbox/plugin/channel.js';
import {
  type ChannelReply,
  type ChannelRequest,
  type ConnectRequest,
  PROTOCOL_VERSION,
} from '../../shared/protocol/messages.js';
import { encodeReply } from '../../shared/protocol/replies.js';
import { decodeRequest } from '../../shared/protocol/requests.js';
import { readOnce } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import { sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { packetSocketPair, startConnect, takeSocketError, tcpSocket } from '../../shared/sys/socket.js';
import { READABLE, Watch, WRITABLE } from '../../shared/sys/uv-poll.js';

const REQUESTS_PER_TURN = 16;

/** Takes a request and answers true, or leaves it to the broker. */
export type Script = (request: ChannelRequest, broker: FakeBroker) => boolean;

/** Hosts with a meaning: `denied.example` is refused, `silent.example` is never answered, the rest is dialled. */
export class FakeBroker {
  /** The plugin's ends. The test that takes them owns them. */
  readonly ends: ChannelEnds;
  readonly requests: ChannelRequest[] = [];
  readonly children: FakeBroker[] = [];
  readonly #pipe: OwnedFd;
  readonly #reply: OwnedFd;
  readonly #readable: Watch;
  readonly #writable: Watch;
  readonly #script: Script;
  readonly #frame: Uint8Array = new Uint8Array(4096);
  readonly #outgoing: { bytes: Uint8Array; descriptors: readonly OwnedFd[] }[] = [];
  readonly #silent = new Set<number>();
  /** What the client sent that is not the protocol, or that its pipe is closed. */
  ended: string | undefined;

  constructor(script: Script = () => false) {
    this.#script = script;
    const pipe = makePipe({ packet: true });
    const [broker, plugin] = packetSocketPair();
    this.ends = { request: pipe.write, reply: plugin };
    this.#pipe = pipe.read;
    this.#reply = broker;
    this.#readable = new Watch(pipe.read.number, () => this.#read());
    this.#readable.want(READABLE);
    this.#writable = new Watch(broker.number, () => this.#flush());
  }

  /** Reads no request until told to go on. */
  pause(): void {
    this.#readable.want(0);
  }

  goOn(): void {
    this.#readable.want(READABLE);
  }

  connects(): ConnectRequest[] {
    return this.requests.filter((request) => request.op === 'connect');
  }

  reply(reply: ChannelReply, descriptors: readonly OwnedFd[] = []): void {
    this.replyBytes(encodeReply(reply), descriptors);
  }

  /** Sends the bytes as they are, and closes the descriptors here. */
  replyBytes(bytes: Uint8Array, descriptors: readonly OwnedFd[] = []): void {
    this.#outgoing.push({ bytes: bytes.slice(), descriptors });
    this.#flush();
  }

  /** Connects to 127.0.0.1 and answers with the socket, or with the kernel's errno. */
  dial(id: number, port: number): void {
    const socket = tcpSocket(4);
    if (typeof socket === 'number') throw new Error(`socket: ${errnoName(-socket)}`);
    startConnect(socket.number, { bytes: new Uint8Array([127, 0, 0, 1]), port });
    const watch = new Watch(socket.number, () => {
      watch.close();
      const error = takeSocketError(socket.number);
      if (error === 0) {
        this.reply({ id, ok: true }, [socket]);
        return;
      }
      socket.close();
      this.reply({ id, ok: false, errno: errnoName(-error), reason: 'refused', message: 'Cannot connect' });
    });
    watch.want(WRITABLE);
  }

  /** Another broker serves the channel. */
  resume(): void {
    this.#silent.clear();
    this.reply({ op: 'hello', version: PROTOCOL_VERSION, resumed: true });
  }

  close(): void {
    this.#readable.close();
    this.#writable.close();
    this.#pipe.close();
    this.#reply.close();
    for (const { descriptors } of this.#outgoing.splice(0)) for (const fd of descriptors) fd.close();
    for (const child of this.children) child.close();
  }

  #read(): void {
    for (let left = REQUESTS_PER_TURN; left > 0; left -= 1) {
      const length = readOnce(this.#pipe.number, this.#frame);
      if (length < 0) return;
      const request = length === 0 ? 'closed' : decodeRequest(this.#frame.subarray(0, length));
      if (typeof request === 'string') {
        this.ended = request;
        this.#readable.close();
        return;
      }
      this.requests.push(request);
      if (!this.#script(request, this)) this.#serve(request);
    }
  }

  #serve(request: ChannelRequest): void {
    if (request.op === 'hello') this.reply({ op: 'hello', version: PROTOCOL_VERSION });
    else this.#answer(request);
  }

  #answer(request: Exclude<ChannelRequest, { op: 'hello' }>): void {
    const { id } = request;
    if (request.op === 'cancel') {
      if (!this.#silent.delete(id)) return;
      this.reply({ id, ok: false, errno: 'ECANCELED', reason: 'canceled', message: 'Canceled' });
    } else if (request.op === 'open_channel') {
      const child = new FakeBroker(this.#script);
      this.children.push(child);
      this.reply({ id, ok: true, part: 'request' }, [child.ends.request]);
      this.reply({ id, ok: true, part: 'reply' }, [child.ends.reply]);
    } else if (request.host === 'silent.example') {
      this.#silent.add(id);
    } else if (request.host === 'denied.example') {
      const where = `denied.example:${request.port}`;
      const message = `Cannot connect to "${where}": no rule allows "denied.example"`;
      this.reply({ id, ok: false, errno: 'EACCES', reason: 'no_rule', message, suggestion: where });
    } else if (request.op === 'explain') {
      this.reply({ id, ok: true, decision: 'allow', reason: 'rule' });
    } else {
      this.dial(id, request.port);
    }
  }

  #flush(): void {
    for (let first = this.#outgoing[0]; first !== undefined; first = this.#outgoing[0]) {
      const numbers = first.descriptors.map((descriptor) => descriptor.number);
      const result = sendMessage(this.#reply.number, first.bytes, numbers);
      if (result < 0 && errnoName(-result) === 'EAGAIN') {
        this.#writable.want(WRITABLE);
        return;
      }
      for (const descriptor of first.descriptors) descriptor.close();
      this.#outgoing.shift();
    }
    this.#writable.want(0);
  }
}
