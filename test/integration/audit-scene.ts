// A postern whose plugins fill the audit log: what its tests look at. A rule is in each of its events, so a long one fills the log sooner.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User } from '../harness/users.js';

/** How often the busy plugin connects. */
export const CONNECTS = 5_000;
const THREADS = 4;
/** As many as a rule may have beside the one that is used: each event has the rule's text. */
const OTHER_PORTS = Array.from({ length: 39 }, (_, index) => 60_001 + 2 * index).join(',');

/** Connects until so many attempts have worked. */
const BUSY = `
import socket, sys, threading
port, wanted, threads = map(int, sys.argv[1:])
def work():
    done = 0
    while done < wanted // threads:
        try:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                if sock.recv(1) == b"x": done += 1
        except OSError as error:
            print("failed", error, flush=True)
workers = [threading.Thread(target=work) for _ in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print("all worked", flush=True)
`;

/** Has one connection, sends on it again and again, and connects within its sandbox. A broker's death may abort a connect that it answers. */
const STEADY = `
import socket, sys, time
own = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    while True:
        sock.sendall(b"y" * 1000)
        left = 1000
        while left > 0: left -= len(sock.recv(left))
        try:
            with socket.create_connection(own.getsockname()): own.accept()[0].close()
        except ConnectionAbortedError: pass
        print("moved", flush=True)
        time.sleep(0.02)
`;

/** Has more requests at once than it may have. No rule allows them. */
const CROWD = `
import errno, socket, threading, time
def work():
    while True:
        with socket.socket() as sock: print("got", errno.errorcode.get(sock.connect_ex(("192.0.2.1", 443))), flush=True)
        time.sleep(0.1)
for _ in range(3): threading.Thread(target=work).start()
`;

/** Has its own time limit for a connect, and tries UDP to the outside, whose refusals are one event a second. */
const TIMED = `
import errno, socket, struct, time
while True:
    with socket.socket(type=socket.SOCK_DGRAM) as sock: sock.connect_ex(("192.0.2.1", 443))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200_000))
        print("ended with", errno.errorcode.get(sock.connect_ex(("192.0.2.1", 443))), flush=True)
    time.sleep(0.1)
`;

/** Once the file is there, connects from many threads at once. No rule allows it. */
export const HOG_THREADS = 600;
const HOG = `
import errno, os, socket, sys, threading, time
threading.stack_size(65536)
def work():
    with socket.socket() as sock: print("got", errno.errorcode.get(sock.connect_ex(("192.0.2.1", 443))), flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
for _ in range(${HOG_THREADS}): threading.Thread(target=work).start()
print("all ask", flush=True)
`;
/** The broker has few descriptors. */
export const FEW: readonly string[] = ['prlimit', '--nofile=1024:1024', '--'];

export interface Scene {
  readonly postern: RunningPostern;
  readonly upstream: Listener;
  readonly said: () => string;
  readonly moved: () => number;
  /** How many connects of the crowd were refused. */
  readonly refused: (plugin?: string) => number;
  /** Lets the hog begin. */
  readonly go: () => void;
  readonly health: () => Promise<number | undefined>;
  readonly metric: (series: string) => Promise<number>;
}

export async function startScene(
  t: TestContext,
  user: User,
  to: string,
  whenFull: string,
  { through = [], more = false }: { through?: readonly string[]; more?: boolean } = {},
): Promise<Scene> {
  const upstream = await listen((socket) => socket.end('x'));
  const echo = await listen((socket) => socket.pipe(socket));
  t.after(() => Promise.all([upstream.close(), echo.close()]));
  const port = await freePort();
  const folder = readableFolder();
  const python = (text: string, ...words: readonly number[]): readonly string[] => [
    ...['/usr/bin/python3', '-c', text],
    ...words.map(String),
  ];
  const others = {
    restless: {
      command: ['sleep', '0.5'],
      restart: { policy: 'always', delay_ms: 2_000, max_delay_ms: 2_000 },
    },
    timed: { command: python(TIMED) },
  };
  const config = {
    metrics: `127.0.0.1:${port}`,
    audit: { to, when_full: whenFull },
    plugins: {
      steady: { command: python(STEADY, echo.port), allow: [`127.0.0.1:${echo.port}`] },
      busy: {
        command: python(BUSY, upstream.port, CONNECTS, THREADS),
        allow: [`127.0.0.1:${OTHER_PORTS},${upstream.port}`],
        after: ['steady'],
      },
      ...(more && others),
      hog: {
        command: ['/usr/bin/python3', '-c', HOG, join(folder, 'go')],
        filesystem: { visible: [folder] },
      },
      crowd: { command: python(CROWD), limits: { concurrent_requests: 1, queued_requests: 0 } },
    },
  };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
  const postern = startPostern(['up'], { as: user, cwd: folder, through, timeoutMs: 120_000 });
  t.after(() => postern.child.kill('SIGKILL'));
  const { said } = postern;
  const page = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  return {
    postern,
    upstream,
    said,
    moved: () => said().match(/steady \| moved/g)?.length ?? 0,
    refused: (plugin = 'crowd') => said().match(new RegExp(`${plugin} \\| got`, 'g'))?.length ?? 0,
    go: () => writeFileSync(join(folder, 'go'), ''),
    health: () => page('/healthz').then(({ status }) => status),
    metric: async (series) => {
      const text = await (await page('/metrics')).text();
      return Number(new RegExp(`^${series.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
    },
  };
}

export const saysSo = ({ said }: Scene, text: string): Promise<true> =>
  until(() => said().includes(text) || undefined, 60_000).catch(() => assert.fail(said().slice(-2_000)));
