// A broker of many plugins, one of which connects again and again, and a crowd of clients of the metrics listener: what its test looks at.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { serveMetrics } from '../../sandbox/supervisor/record/metrics-endpoint.js';
import { listen } from '../harness/listener.js';
import { type LiveBroker, startLiveBroker } from '../harness/live-broker.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';

/** They have 17,000 series. */
const PLUGINS = 280;
const CLIENTS = 1_000;

/** Connects again and again. Says when each connect began, in seconds, and how many milliseconds it took. */
const NEIGHBOUR = `
import time
channel = Channel(3, 4)
while True:
    begin = time.monotonic()
    channel.connect("127.0.0.1", int(sys.argv[1])).close()
    print(begin, (time.monotonic() - begin) * 1000, flush=True)
    time.sleep(0.001)
`;

/** For each line, a port, has that many clients at the same time, and says how many of them got more than so many bytes. */
const CROWD = `
import selectors, socket, sys
for line in sys.stdin:
    waiting, sizes = selectors.DefaultSelector(), {}
    for _ in range(${CLIENTS}):
        one = socket.create_connection(("127.0.0.1", int(line)))
        try: one.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
        except OSError: continue
        one.setblocking(False)
        sizes[one] = 0
        waiting.register(one, selectors.EVENT_READ)
    while waiting.get_map():
        for key, _ in waiting.select():
            try: got = len(key.fileobj.recv(1 << 20))
            except OSError: got = 0
            sizes[key.fileobj] += got
            if got > 0: continue
            waiting.unregister(key.fileobj)
            key.fileobj.close()
    print(sum(size > int(sys.argv[1]) for size in sizes.values()), flush=True)
`;

/** As time.monotonic() of Python. */
const seconds = (): number => Number(process.hrtime.bigint()) / 1e9;

export interface ScrapeScene {
  readonly broker: LiveBroker;
  /** Serves the broker's page. */
  readonly scraped: Server;
  /** Serves a copy of that page. The broker does nothing for it. */
  readonly control: Server;
  /** Scrapes with a thousand clients at a time. @returns how many got the whole page */
  readonly scrape: (server: Server) => Promise<number>;
  /** @returns how long the neighbour's connects took meanwhile, in milliseconds */
  readonly during: (act: () => Promise<void>) => Promise<readonly number[]>;
}

export async function startScrapeScene(t: TestContext): Promise<ScrapeScene> {
  const upstream = await listen((socket) => socket.end());
  const broker = await startLiveBroker(1);
  await broker.addPlugin('neighbour', [`127.0.0.1:${upstream.port}`]);
  for (let at = 0; at < PLUGINS; at += 1) await broker.addPlugin(`p${at}`, []);
  const page = async (): Promise<string> => (await broker.process.metrics()) ?? '';
  const copy = await page();
  const serve = async (metrics: () => Promise<string>): Promise<Server> => {
    const server = await serveMetrics('127.0.0.1:0', { metrics, healthy: () => true });
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return server;
  };
  const { request, reply } = broker.process.openChannel('neighbour');
  const connects = linesOf(
    t,
    spawn('/usr/bin/python3', ['-c', PYTHON_CHANNEL + NEIGHBOUR, String(upstream.port)], {
      stdio: ['ignore', 'pipe', 'inherit', request.number, reply.number],
    }),
  );
  for (const end of [request, reply]) end.close();
  const crowd = spawn('/usr/bin/python3', ['-c', CROWD, String(copy.length)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = linesOf(t, crowd);
  // After the neighbour, which ends with an error where the broker is gone.
  t.after(async () => {
    await broker.process.stop();
    await upstream.close();
  });
  await until(() => connects().length > 500 || undefined, 30_000);
  return {
    broker,
    scraped: await serve(page),
    control: await serve(async () => copy),
    scrape: async (server) => {
      const before = answers().length;
      crowd.stdin?.write(`${(server.address() as AddressInfo).port}\n`);
      return Number(await until(() => answers()[before], 60_000));
    },
    during: async (act) => {
      const begin = seconds();
      await act();
      const end = seconds();
      const times = connects().map((line) => line.split(' ').map(Number));
      return times.flatMap(([at = 0, took = 0]) => (at >= begin && at < end ? [took] : []));
    },
  };
}

/** @returns the whole lines that a program has written so far */
function linesOf(t: TestContext, program: ChildProcess): () => readonly string[] {
  t.after(() => program.kill('SIGKILL'));
  let text = '';
  program.stdout?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  return () => text.split('\n').slice(0, -1);
}
