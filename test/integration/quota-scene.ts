// A plugin whose connections are limited, and a peer that counts and can send.
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AuditLine } from '../harness/audit-line.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

/** `dial(by)` connects by `trap` or by `channel`, and returns a socket or the name of an errno. */
const PRELUDE = `
import errno, os, select, socket, struct, sys, threading, time
port = int(sys.argv[1])
channel = None
def dial(by="trap"):
    global channel
    try:
        if by == "trap":
            return socket.create_connection(("127.0.0.1", port))
        channel = channel or Channel.from_environment()
        made = channel.connect("127.0.0.1", port)
        made.setblocking(True)
        return made
    except OSError as error:
        print("told", error, flush=True)
        return errno.errorcode[error.errno]
def say(*words):
    print(*words, flush=True)
`;

/** What the peer knows of one connection. */
interface Peer {
  received: number;
  readonly openedAt: number;
  /** Undefined while it is open. */
  closedAt: number | undefined;
  readonly socket: Socket;
}

export interface Scene {
  readonly listener: Listener;
  readonly peers: readonly Peer[];
  readonly received: () => number;
  readonly said: () => string;
  readonly events: () => readonly AuditLine[];
  /** The value of a metric of the plugin. @param labels those after `plugin` */
  readonly metric: (name: string, labels?: string) => Promise<number>;
  readonly broker: () => Promise<number>;
  /** What `explain --live` says of the peer. */
  readonly explain: () => Promise<{ readonly decision: string; readonly reason: string }>;
  /** A line for the program. */
  readonly tell: () => void;
}

/** @param onConnection serves the peer's end */
export async function startScene(
  t: TestContext,
  user: User,
  limits: readonly string[],
  program: string,
  onConnection: (socket: Socket) => void = () => {},
): Promise<Scene> {
  const peers: Peer[] = [];
  const listener = await listen((socket) => {
    const peer: Peer = { received: 0, openedAt: performance.now(), closedAt: undefined, socket };
    peers.push(peer);
    socket.on('data', (bytes: Buffer) => {
      peer.received += bytes.length;
    });
    socket.on('close', () => {
      peer.closedAt = performance.now();
    });
    onConnection(socket);
  });
  t.after(() => listener.close());
  const metrics = await freePort();
  const folder = readableFolder();
  chownTo(user, folder);
  const control = join(folder, 'control.sock');
  const { child } = startPostern(
    [
      ...[
        'run',
        '--name',
        'limited',
        '--control',
        control,
        '--audit',
        '-',
        '--metrics',
        `127.0.0.1:${metrics}`,
      ],
      ...limits.flatMap((limit) => ['--limit', limit]),
      ...['--allow', `127.0.0.1:${listener.port}`, '--', '/usr/bin/python3', '-c'],
      ...[`${PYTHON_CHANNEL}${PRELUDE}${program}`, String(listener.port)],
    ],
    { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
  );
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  let log = '';
  child.stdout?.on('data', (text: string) => {
    said += text;
  });
  child.stderr?.on('data', (text: string) => {
    log += text;
  });
  return {
    listener,
    peers,
    received: () => peers.reduce((sum, { received }) => sum + received, 0),
    said: () => said,
    events: () =>
      log
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as AuditLine),
    metric: async (name, labels = '') => {
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      return Number(page.split(`postern_${name}{plugin="limited"${labels}} `)[1]?.split('\n')[0]);
    },
    broker: () => until(() => brokerOf(child.pid ?? 0)),
    explain: async () => {
      const words = [
        'explain',
        '--live',
        '--control',
        control,
        'limited',
        `127.0.0.1:${listener.port}`,
        '--json',
      ];
      const { stdout } = await postern(words, { as: user });
      const { decision, reason } = JSON.parse(stdout) as { decision: string; reason: string };
      return { decision, reason };
    },
    tell: () => child.stdin?.write('\n'),
  };
}
