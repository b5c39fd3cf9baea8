// Applications by what they set: the argument names one. Each prints one line of JSON.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PluginSettings, PolicySettings, SupervisorSettings } from '../../sandbox/library/types.js';
import { codeOf, createSupervisor, descendants, descriptors, play, python } from './application.js';

const SCENES: Readonly<Record<string, () => Promise<unknown>>> = {
  /** What cannot be created leaves nothing, and its places can be used again. */
  async notCreated() {
    await (await createSupervisor()).close();
    const before = descriptors();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { readonly port: number };
    const control = join(mkdtempSync(join(tmpdir(), 'postern-test-')), 'c.sock');
    const settings = { metrics: `127.0.0.1:${port}`, control };
    const codes = [await codeOf(createSupervisor(settings))];
    const found = existsSync(control);
    await new Promise((resolve) => taken.close(resolve));
    await using supervisor = await createSupervisor(settings);
    const metrics = supervisor.metricsPort === port;
    await supervisor.close();
    rmSync(dirname(control), { recursive: true });
    return { codes, found, metrics, processes: descendants().length, leaked: descriptors() - before };
  },

  /** A plugin that may write the folder of its own file of rules. */
  async ownRules() {
    await using supervisor = await createSupervisor();
    const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
    const rules = join(folder, 'rules.yaml');
    writeFileSync(rules, 'allow: [api.example.com]\n');
    const program = `cd ${folder}; echo 'allow: ["*.example.net"]' >other; cat other >rules.yaml; mv other rules.yaml; echo tried >tried`;
    const plugin = await supervisor.start({
      name: 'writer',
      command: ['sh', '-c', program],
      presets: [rules],
      filesystem: { writable: [folder] },
      stdio: 'ignore',
    });
    await plugin.exited;
    const found = ['tried', 'rules.yaml'].map((name) => readFileSync(join(folder, name), 'utf8'));
    rmSync(folder, { recursive: true });
    return { found };
  },

  async mistakes() {
    const wrong = {
      metrix: 1,
      metrics: 'nowhere',
      audit: 1,
      dns: ['nobody'],
      ask: 'yes',
      askMs: 0,
      control: '',
      onNotice: [],
    };
    return createSupervisor(wrong as unknown as SupervisorSettings).then(
      () => ({}),
      ({ code, lines }: { readonly code: string; readonly lines: readonly string[] }) => ({
        code,
        lines: [...lines].sort(),
      }),
    );
  },

  /** What a caller without types may pass to start(). */
  async wrongStarts() {
    await using supervisor = await createSupervisor();
    const good = { name: 'shell', command: ['true'] };
    const told: unknown[] = [];
    const tell = ({ code, lines }: { readonly code: string; readonly lines: readonly string[] }): unknown =>
      told.push([code, ...lines]);
    const wrong = [
      null,
      [],
      { command: ['true'], stdio: ['pipe'], alow: [] },
      { ...good, name: 'A B', command: 'true' },
      { ...good, stdio: 'foo', limits: { proceses: 1, cpu_seconds: 1n } },
      { ...good, allow: ['api.example.com', 'a b'], env: { A: 1, B: () => 1 } },
      { ...good, on: { denid: () => {}, exit: 1 }, after: [] },
      {
        ...good,
        allow: ['api.example.com'],
        gateway: { 'api.example.com': { headers: { a: '{kept}', b: '{lost}' } } },
        secrets: { kept: { env: 'KEPT' } },
      },
    ];
    for (const settings of wrong)
      await supervisor.start(settings as unknown as PluginSettings).then(() => told.push('started'), tell);
    const plugin = await supervisor.start({ name: 'runs', command: ['sleep', '1019'], stdio: 'ignore' });
    for (const policy of [undefined, { alow: [] }, { allow: ['a b'] }])
      await plugin.setPolicy(policy as PolicySettings).then(() => told.push('changed'), tell);
    return told;
  },

  /** Withdraws the rule of an open connection. */
  async revokes() {
    const server = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    await using supervisor = await createSupervisor();
    const code = `
import socket, sys
one = socket.create_connection(("127.0.0.1", ${port}))
try:
    one.recv(1)
except OSError:
    pass
print("ended", flush=True)
sys.stdin.read()`;
    const plugin = await supervisor.start({
      name: 'connected',
      command: python(code),
      allow: [`127.0.0.1:${port}`],
    });
    const closed = new Promise<unknown>((resolve) =>
      plugin.once('closed', ({ ended_by }) => resolve(ended_by)),
    );
    await new Promise((resolve) => plugin.once('connection', resolve));
    await plugin.setPolicy({});
    const said = await new Promise<string>((resolve) =>
      plugin.stdout?.once('data', (text) => resolve(`${text}`)),
    );
    const endedBy = await closed;
    await supervisor.close();
    server.close();
    return { said, endedBy };
  },

  /** Hands its own streams to plugins, and ends by itself. */
  async inherits() {
    const supervisor = await createSupervisor();
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const plugins = await Promise.all(
      names.map((name) =>
        supervisor.start({
          name,
          command: ['sh', '-c', name === 'p0' ? 'read line; echo "$line"' : 'echo line'],
          stdio: [name === 'p0' ? 'inherit' : 'ignore', 'inherit', 'inherit'],
        }),
      ),
    );
    const ends = await Promise.all(plugins.map(({ exited }) => exited));
    await supervisor.close();
    return { codes: [...new Set(ends.map(({ code }) => code))], streams: plugins[0]?.stdout };
  },
};

await play(SCENES);
