// Applications that use postern as a library: the argument names one. Each prints one line of JSON. They are separate programs, so that they run
// as either user, and end as an application may.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import type { AskAnswer, PluginSettings, PosternSupervisor, Told } from '../../sandbox/library/types.js';
import { BUNDLE, codeOf, createSupervisor, descriptors, play, python } from './application.js';

const CONNECT = 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))';
/** Connects for each line of input, and says what came of it. */
const CONNECTS = `
import socket, sys
for line in sys.stdin:
    try:
        socket.create_connection(("127.0.0.1", int(line))).close()
        print("connected", flush=True)
    except OSError as error:
        print("errno", error.errno, flush=True)
`;
async function upstream(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { readonly port: number }).port };
}

const read = (stream: Readable | null): Promise<string> => text(stream ?? new PassThrough().end());

const SCENES: Readonly<Record<string, () => Promise<unknown>>> = {
  async streams() {
    // The first supervisor opens what the process keeps.
    await (await createSupervisor()).close();
    const before = descriptors();
    await using supervisor = await createSupervisor();
    const script = 'read line; echo "heard $line"; echo trouble >&2; exit 3';
    const plugin = await supervisor.start({ name: 'shell', command: ['sh', '-c', script] });
    const runs = [supervisor.plugins.length, typeof plugin.pid];
    plugin.stdin?.end('hello\n');
    const [stdout, stderr, exit] = await Promise.all([
      read(plugin.stdout),
      read(plugin.stderr),
      plugin.exited,
    ]);
    const again = await supervisor.start({ name: 'shell', command: ['true'], stdio: 'ignore' });
    const second = await again.exited;
    const left = supervisor.plugins.length;
    await supervisor.close();
    return {
      runs,
      stdout,
      stderr,
      exit,
      second,
      streams: again.stdout,
      left,
      leaked: descriptors() - before,
    };
  },

  async rules() {
    const { server, port } = await upstream();
    const heard: string[] = [];
    await using supervisor = await createSupervisor({ audit: ({ event }) => void heard.push(event) });
    const plugin = await supervisor.start({
      name: 'connects',
      command: python(CONNECTS),
      egress: 'transparent',
    });
    const events: string[] = [];
    plugin.on('connection', ({ port: to }) => events.push(`connection ${to === port}`));
    plugin.on('closed', (closed) => events.push(`closed ${closed.duration_ms >= 0}`));
    const lines: string[] = [];
    plugin.stdout?.setEncoding('utf8').on('data', (part: string) => lines.push(part.trim()));
    const connect = async (): Promise<string | undefined> => {
      const known = lines.length;
      plugin.stdin?.write(`${port}\n`);
      while (lines.length === known) await new Promise((resolve) => setTimeout(resolve, 5));
      return lines.at(-1);
    };
    const results = [await connect()];
    await plugin.setPolicy({ allow: [`127.0.0.1:${port}`] });
    results.push(await connect());
    const bad = await codeOf(plugin.setPolicy({ allow: ['no rule'] }));
    results.push(await connect());
    await plugin.setPolicy({});
    results.push(await connect());
    const pid = plugin.pid;
    // The kernel reports the end of a connection a little later.
    while (events.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    await plugin.stop();
    // The end of the plugin lets the broker write this line, which comes a little later.
    while (!heard.includes('loopback')) await new Promise((resolve) => setTimeout(resolve, 5));
    server.close();
    return {
      results,
      bad,
      events: events.sort(),
      heard: [...new Set(heard)].sort(),
      pid: typeof pid,
      exit: await plugin.exited,
    };
  },

  async connections() {
    const server = createServer((socket) =>
      socket.on('error', () => {}).on('data', (bytes) => socket.write(bytes)),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    await using supervisor = await createSupervisor();
    const code = `${CONNECT.replace('; ', '; kept = ')}; kept.sendall(b"hello"); sys.stdin.read()`;
    const settings = { command: python(code, String(port)), allow: [`127.0.0.1:${port}`] };
    const plugin = await supervisor.start({ name: 'talks', ...settings });
    const other = await supervisor.start({ name: 'idle', command: ['sleep', '100'] });
    const carried = async (): Promise<unknown> => {
      for (;;) {
        const { connections, more } = await plugin.connections();
        const [one] = connections;
        if (one?.sent_bytes === 5 && one.received_bytes === 5)
          return [
            connections.length,
            more,
            one.plugin,
            one.host,
            one.port === port,
            one.rule?.endsWith(`:${port}`),
          ];
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const open = await carried();
    const none = await other.connections();
    await supervisor.close();
    server.close();
    return { open, none, after: await codeOf(plugin.connections()) };
  },

  /** A program that is refused as soon as it runs, and fails where it may connect. */
  async told() {
    const { server, port } = await upstream();
    await new Promise((resolve) => server.close(resolve));
    const heard: unknown[] = [];
    await using supervisor = await createSupervisor();
    const all: string[] = [];
    supervisor.on('denied', ({ message }, { name }) => void all.push(`${name}: ${message}`));
    supervisor.on('failed', ({ message }, { name }) => void all.push(`${name}: ${message}`));
    supervisor.on('exit', ({ code }, { name }) => void all.push(`${name}: ${code}`));
    const hear =
      (event: string) =>
      ({ message, suggestion }: Told): void =>
        void heard.push([event, message.replace(String(port), 'PORT'), suggestion ?? null]);
    const code = `
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 80)),
    lambda: socket.create_connection(("127.0.0.1", ${port})),
    lambda: socket.getaddrinfo("api.example.com", 443),
    lambda: udp.connect(("192.0.2.1", 53)),
):
    try:
        attempt()
    except OSError:
        pass`;
    const plugin = await supervisor.start({
      name: 'told',
      command: python(code),
      allow: [`127.0.0.1:${port}`],
      stdio: 'ignore',
      on: { denied: hear('denied'), failed: hear('failed') },
    });
    await plugin.exited;
    return { heard: heard.sort(), all: all.map((one) => one.replace(String(port), 'PORT')).sort() };
  },

  async errors() {
    await using supervisor = await createSupervisor();
    const start = (settings: object): Promise<string> =>
      codeOf(supervisor.start({ name: 'one', command: ['true'], ...settings } as PluginSettings));
    const codes = [
      await start({ command: ['no-such-program'] }),
      await start({ allow: ['bad rule'] }),
      await start({ limits: { no_such: 1 } }),
      await start({ name: 'Bad Name' }),
      await start({ command: 'true' }),
      await start({ command: ['no-such-program'], restart: { policy: 'always', delay_ms: 10 } }),
    ];
    await supervisor.start({ name: 'two', command: ['sleep', '1013'], stdio: 'ignore' });
    codes.push(await start({ name: 'two' }));
    const kept = supervisor.plugins.map(({ name }) => name);
    await supervisor.close();
    codes.push(await start({}));
    const inWorker = await new Promise((resolve) => {
      const code = `import('${BUNDLE}').then((l) => l.createSupervisor()).then(() => 0, (e) => e.code).then((c) => require('worker_threads').parentPort.postMessage(c))`;
      new Worker(code, { eval: true })
        .once('message', resolve)
        .once('error', (error) => resolve(String(error)));
    });
    return { codes, kept, inWorker };
  },

  async several() {
    const { server, port } = await upstream();
    const [one, two] = [await createSupervisor(), await createSupervisor()];
    const command = python(CONNECT, String(port));
    const start = (supervisor: PosternSupervisor, allow: readonly string[]): Promise<number | null> =>
      supervisor
        .start({ name: 'same', command, allow, stdio: 'ignore' })
        .then(({ exited }) => exited.then(({ code }) => code));
    const codes = await Promise.all([start(one, [`127.0.0.1:${port}`]), start(two, [])]);
    const both = [start(one, [`127.0.0.1:${port}`]), one.close()] as const;
    await Promise.allSettled(both);
    const after = await start(two, [`127.0.0.1:${port}`]);
    await two.close();
    server.close();
    return { codes, after };
  },

  async neighbours() {
    const folder = mkdtempSync('/tmp/postern-test-');
    const [command, marker] = [join(folder, 'secret'), join(folder, 'marker')];
    writeFileSync(command, '#!/bin/sh\necho a-long-secret\n', { mode: 0o755 });
    try {
      await using one = await createSupervisor();
      await using two = await createSupervisor();
      const plants = `printf '#!/bin/sh\\necho a-long-secret | tee ${marker}\\n' >${command}; echo planted; sleep 600`;
      const writes = await one.start({
        name: 'writes',
        command: ['sh', '-c', plants],
        filesystem: { writable: [folder] },
      });
      await new Promise((resolve) => writes.stdout?.once('data', resolve));
      const start = (): Promise<{ readonly code: string; readonly message: string }> =>
        two
          .start({
            name: 'calls',
            command: ['true'],
            allow: ['api.example.com'],
            secrets: { token: { command: [command] } },
            gateway: { 'api.example.com': { headers: { authorization: 'Bearer {token}' } } },
            stdio: 'ignore',
          })
          .then(
            () => ({ code: 'started', message: '' }),
            (error) => error,
          );
      const { code, message } = await start();
      const ran = existsSync(marker);
      await writes.stop();
      return { code, message, ran, after: (await start()).code };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  async restarts() {
    await using supervisor = await createSupervisor();
    const plugin = await supervisor.start({
      name: 'again',
      command: ['sh', '-c', 'read line; echo "$line"; exit 1'],
      restart: { policy: 'on-failure', delay_ms: 10 },
    });
    let ends = 0;
    plugin.on('exit', () => {
      ends += 1;
    });
    const lines: string[] = [];
    plugin.stdout?.setEncoding('utf8').on('data', (part: string) => lines.push(part.trim()));
    for (const word of ['first', 'second']) {
      const ended = new Promise((resolve) => plugin.once('exit', resolve));
      plugin.stdin?.write(`${word}\n`);
      await ended;
    }
    while (lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await plugin.stop();
    await plugin.exited;
    return { lines, ends: ends >= 2 };
  },

  async asks() {
    const asked: string[] = [];
    await using supervisor = await createSupervisor({
      ask: async ({ host, port: to, suggestion }): Promise<AskAnswer> => {
        asked.push(`${host}:${to} ${suggestion}`);
        if (to === 81) throw new Error('the application fails');
        return 'deny';
      },
    });
    const code = [80, 81].map(
      (to) => `
try: socket.create_connection(("1.0.0.1", ${to}))
except OSError as error: print(error.errno)`,
    );
    const plugin = await supervisor.start({
      name: 'asks',
      command: python(['import socket', ...code].join('\n')),
      unknown: 'ask',
    });
    const said = await read(plugin.stdout);
    return { asked, said: said.trim().split('\n') };
  },

  /** Ends without a word to the supervisor. */
  async leaves() {
    const supervisor = await createSupervisor();
    const plugin = await supervisor.start({ name: 'stays', command: ['sleep', '1014'], stdio: 'ignore' });
    setTimeout(() => process.exit(0), 100);
    return { plugin: plugin.pid };
  },
};

await play(SCENES);
