// npm start: shows postern on real traffic. Starts upstreams on loopback, runs a plugin under `postern run`, and shows each decision and the
// metrics. Exits with 0 if everything was as it should be.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundlePath } from '../../../shared/bundles.js';
import { startUpstreams } from './upstreams.js';

const top = fileURLToPath(new URL('../../../..', import.meta.url));
const cli = bundlePath('postern');
const plugin = fileURLToPath(new URL('./plugin.js', import.meta.url));
const SHOWN = /^postern_(decisions_total|connects_total|sockets_passed_total|plugin_up|broker_up)\b.* [1-9]/;

/** The series that were shown. A series is shown again when its value has changed. */
const shown = new Set<string>();
const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const show = (who: string, text: string): void => console.log(`${who.padEnd(9)}| ${text}`);

const upstreams = await startUpstreams();
const metrics = await freePort();
const args = [
  ...[
    'run',
    '--name',
    'demo',
    '--allow',
    `127.0.0.1:${upstreams.http}`,
    '--allow',
    `127.0.0.1:${upstreams.lines}`,
  ],
  ...['--metrics', `127.0.0.1:${metrics}`, '--audit', '-', '--'],
  ...[process.execPath, plugin, `${upstreams.http}`, `${upstreams.lines}`, `${upstreams.forbidden}`],
];
show('demo', `postern ${args.join(' ')}`);
const child = spawn(process.execPath, [cli, ...args], { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
createInterface({ input: child.stdout }).on('line', (line) => show('plugin', line));
createInterface({ input: child.stderr }).on('line', (line) => void showEvent(line));
const [status] = (await once(child, 'exit')) as [number | null];
upstreams.close();
show(
  'demo',
  `the plugin ended with status ${status}; the forbidden upstream heard ${upstreams.trespasses()} connections`,
);
process.exit(status === 0 && upstreams.trespasses() === 0 ? 0 : 1);

async function showEvent(line: string): Promise<void> {
  if (!line.startsWith('{')) {
    show('postern', line);
    return;
  }
  const event = JSON.parse(line) as Record<string, unknown>;
  if (event['event'] !== 'decision') return;
  const allowed = event['decision'] === 'allow';
  const outcome = event['outcome'] === undefined || event['outcome'] === null ? '' : `, ${event['outcome']}`;
  const word = paint(allowed ? 32 : 31, String(event['decision']));
  show('decision', `${word} ${event['host']}:${event['port']} (${event['reason']}${outcome})`);
  const page = await fetch(`http://127.0.0.1:${metrics}/metrics`).then(
    (response) => response.text(),
    () => '',
  );
  for (const series of page.split('\n').filter((text) => SHOWN.test(text) && !shown.has(text))) {
    shown.add(series);
    show('metrics', paint(2, series));
  }
}

/** A port that nobody listens on: the kernel picks it, and it is closed again. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
