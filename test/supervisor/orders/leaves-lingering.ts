// A supervisor, and what a broker that was taken over, a plugin or a client leaves in one of its queues: a socket that has a connection in its own queue,
// whose last close would wait for an hour. The words are which queue, and a free path. Prints what the supervisor comes to do, and ends.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ChannelKeeper, TrapKeeper } from '../../../sandbox/supervisor/broker/kept.js';
import { ControlServer } from '../../../sandbox/supervisor/control/control-server.js';
import { ControlSocket } from '../../../sandbox/supervisor/control/control-socket.js';
import type { ControlTarget } from '../../../sandbox/supervisor/control/control-surface.js';
import { hostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { awaitAccept, Listener } from '../../../sandbox/supervisor/listeners/listener.js';
import { SentDescriptors } from '../../../sandbox/supervisor/orders/sent-descriptors.js';
import { LaunchInbox } from '../../../sandbox/supervisor/start/spawn-namespaces.js';
import { acceptConnection } from '../../../shared/sys/datagram.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { sessionOf } from '../../../shared/sys/process-control.js';
import { connectToPath, nameForGood, packetSocketPair, unixSocket } from '../../../shared/sys/socket.js';
import { lingeringSocket } from '../../harness/lingering-socket.js';
import { until } from '../../harness/until.js';

const AN_HOUR = 3_600;
const say = (word: string): void => void process.stdout.write(`${word}\n`);
const [, , scene = '', path = ''] = process.argv;

/** Sends descriptors, and closes them. Were they not sent, that close would be the last one, and would wait. */
function give(to: OwnedFd, ...descriptors: readonly OwnedFd[]): void {
  const numbers = descriptors.map(({ number }) => number);
  const sent = sendMessage(to.number, Buffer.from('x'), numbers);
  if (sent < 0) throw new Error(`sendmsg: errno ${-sent}`);
  for (const descriptor of descriptors) descriptor.close();
}

/** Its peer ends with this process. */
const lingering = (): Promise<OwnedFd> => lingeringSocket({ after: () => {} }, AN_HOUR);

/** @returns a socket with the connection in its queue */
async function nested(): Promise<OwnedFd> {
  const [outer, inner] = packetSocketPair();
  give(inner, await lingering());
  inner.close();
  return outer;
}

function client(): OwnedFd {
  const socket = unixSocket('stream');
  if (typeof socket === 'number') throw new Error(`socket: errno ${-socket}`);
  connectToPath(socket.number, path);
  return socket;
}

const SCENES: Readonly<Record<string, () => Promise<void>>> = {
  'a launch socket': async () => {
    const [ours, theirs] = packetSocketPair();
    const inbox = new LaunchInbox(ours);
    give(theirs, await nested());
    theirs.close();
    inbox.close();
  },
  'a message to the launch socket': async () => {
    const [ours, theirs] = packetSocketPair();
    const inbox = new LaunchInbox(ours);
    sendMessage(theirs.number, Buffer.from('hello'));
    await inbox.hello(sessionOf(process.pid));
    give(theirs, await nested());
    await inbox.word().catch(() => say('refused'));
  },
  'a channel': async () => {
    const keeper = new ChannelKeeper();
    const { kept, ends } = keeper.open('web');
    give(ends.reply, await nested());
    ends.request.close();
    ends.reply.close();
    keeper.ended(kept.session);
  },
  'a listener that is closed': async () => {
    const listener = await listenerWithClient();
    listener.close();
  },
  'a listener that is bound anew': async () => {
    const listener = await listenerWithClient();
    listener.suspect();
    say(listener.renew() ?? 'stays');
    listener.close();
  },
  'the answer of a listener': async () => {
    // It takes a while to make, and the look at a listener ends soon after its connection was accepted.
    const answer = await nested();
    const listener = bound();
    const end = new AbortController();
    const accepted = awaitAccept(listener, end.signal);
    using passed = listener.pass();
    const connection = await until(() => {
      const taken = acceptConnection(passed.number);
      return typeof taken === 'number' ? undefined : taken;
    });
    give(connection, answer);
    await accepted;
    listener.close();
  },
  'the sockets of a trap': async () => {
    const traps = new TrapKeeper();
    const pipes = [makePipe().read, makePipe().read, makePipe().read, makePipe().read] as const;
    const [notifyFd, datagrams, diag, root] = pipes;
    const facts = { plugin: 'web', landlockDeniesTcp: false, scratch: [], kill: () => {} };
    const trap = traps.keep([notifyFd, datagrams, await lingering(), diag, root], {
      ...facts,
      pluginId: undefined,
      pidNamespace: undefined,
    });
    traps.drop(trap.number);
  },
  'the control socket': async () => {
    const message = await nested();
    const target = { isOwn: () => true } as unknown as ControlTarget;
    const server = new ControlServer(new ControlSocket(path, false), target);
    const stranger = client();
    give(stranger, message);
    const other = connect(path);
    const [words] = (await once(other.setEncoding('utf8'), 'data')) as [string];
    say(/No process of postern may ask/.test(words) ? 'refused' : words);
    other.destroy();
    stranger.close();
    await server.close();
  },
  'the packets of a broker': async () => {
    const [broker, supervisor] = packetSocketPair();
    nameForGood(broker.number);
    const sent = new SentDescriptors(supervisor, () => {});
    give(broker, await nested());
    broker.close();
    sent.end();
  },
  'a socket that a broker sent': async () => {
    const [broker, supervisor] = packetSocketPair();
    nameForGood(broker.number);
    new SentDescriptors(supervisor, ({ socket }) => socket?.close());
    give(broker, await nested());
    await until(() => threadsIn(CLOSE).length > 0 || undefined);
    process.on('exit', () => say('ends'));
  },
};

const CLOSE = process.arch === 'arm64' ? 57 : 3;

/** The threads that wait in a system call. */
function threadsIn(call: number): readonly string[] {
  return readdirSync('/proc/self/task').filter((thread) =>
    readFileSync(`/proc/self/task/${thread}/syscall`, 'utf8').startsWith(`${call} `),
  );
}

function bound(): Listener {
  return new Listener('web', { kind: 'unix', path }, hostFiles);
}

async function listenerWithClient(): Promise<Listener> {
  const listener = bound();
  listener.pass().close();
  const first = client();
  const second = client();
  give(second, await nested());
  for (const one of [first, second]) one.close();
  return listener;
}

await SCENES[scene]?.();
say('goes on');
process.exit(0);
