// Applications that misuse the library, or fail: the argument names one. Each prints one line of JSON.
import type { Plugin, PluginSettings, PosternSupervisor } from '../../sandbox/library/types.js';
import { childrenOf, commandOf, signalTo } from '../harness/processes.js';
import {
  codeOf,
  createSupervisor,
  descendants,
  descriptors,
  play,
  print,
  python,
  waitFor,
} from './application.js';

/** Connects so many times to where no rule leads, and says how often that was refused. */
const REFUSED = `
import socket, sys
refused = 0
for _ in range(int(sys.argv[1])):
    one = socket.socket()
    try:
        one.connect(("192.0.2.1", 80))
    except PermissionError:
        refused += 1
    one.close()
print(refused, flush=True)
`;
/** Fills its output until nobody has taken a byte for a second, and says how much was taken. */
const FILLS = `
import fcntl, os, select, sys
flags = fcntl.fcntl(1, fcntl.F_GETFL)
fcntl.fcntl(1, fcntl.F_SETFL, flags | os.O_NONBLOCK)
poll = select.poll()
poll.register(1, select.POLLOUT)
written = 0
while poll.poll(1000):
    try:
        written += os.write(1, b"x" * 4096)
    except BlockingIOError:
        pass
print(written, file=sys.stderr, flush=True)
sys.stdin.read()
`;
/** Fills a pipe of a mebibyte, and ends. */
const LEAVES = `
import fcntl, os
fcntl.fcntl(1, 1031, 1 << 20)
os.write(1, b"x" * 900_000)
`;

async function firstLine(stream: Plugin['stdout']): Promise<string> {
  let text = '';
  for await (const part of stream ?? []) {
    text += String(part);
    if (text.includes('\n')) break;
  }
  return text.trim();
}

async function bytesOf(stream: Plugin['stdout']): Promise<number> {
  let bytes = 0;
  for await (const part of stream ?? []) bytes += (part as Buffer).length;
  return bytes;
}

const SCENES: Readonly<Record<string, () => Promise<unknown>>> = {
  async unread() {
    await using supervisor = await createSupervisor();
    const plugin = await supervisor.start({ name: 'fills', command: python(FILLS) });
    const written = Number(await firstLine(plugin.stderr));
    await plugin.stop();
    const { cause } = await plugin.exited;
    const read = await bytesOf(plugin.stdout);
    return { bounded: written > 0 && written < 512 * 1024, lost: written - read, cause };
  },

  async unreadRuns() {
    await using supervisor = await createSupervisor();
    const plugin = await supervisor.start({
      name: 'leaves',
      command: python(LEAVES),
      restart: { policy: 'always', delay_ms: 10, max_delay_ms: 10 },
    });
    let runs = 0;
    plugin.on('exit', () => {
      runs += 1;
    });
    await waitFor(() => runs >= 4);
    await plugin.stop();
    const read = await bytesOf(plugin.stdout);
    return { some: read >= 900_000, bounded: read <= 1.25 * 1024 * 1024 };
  },

  async throwing() {
    const thrown: string[] = [];
    process.on('uncaughtException', ({ message }) => thrown.push(message));
    const fail = (what: string) => (): never => {
      throw new Error(what);
    };
    await using supervisor = await createSupervisor({ audit: fail('audit') });
    supervisor.on('denied', fail('supervisor'));
    const plugin = await supervisor.start({
      name: 'denied',
      command: python(REFUSED, '3'),
      on: { decision: fail('decision'), denied: fail('denied'), exit: fail('exit') },
    });
    let denied = 0;
    plugin.on('denied', () => {
      denied += 1;
    });
    const refused = await firstLine(plugin.stdout);
    const { code } = await plugin.exited;
    await waitFor(() => thrown.length === 13);
    const next = await supervisor.start({ name: 'next', command: ['true'] });
    return { refused, denied, code, thrown: thrown.sort(), next: (await next.exited).code };
  },

  async manyEvents() {
    const times = 3_000;
    await using supervisor = await createSupervisor();
    const plugin = await supervisor.start({
      name: 'busy',
      command: python(REFUSED, String(times)),
      limits: { requests_per_second: 1_000_000 },
    });
    const heard = { decision: 0, denied: 0 };
    plugin.on('decision', () => {
      heard.decision += 1;
    });
    plugin.on('denied', () => {
      heard.denied += 1;
    });
    const refused = await firstLine(plugin.stdout);
    await plugin.exited;
    await waitFor(() => heard.decision >= times);
    return { refused, ...heard };
  },

  /** More start at once than postern starts at once. */
  async closeWhileStarting() {
    await (await createSupervisor()).close();
    const before = descriptors();
    const supervisor = await createSupervisor();
    const starts = Array.from({ length: 8 }, (_, index) =>
      supervisor.start({
        name: `p${index}`,
        command: ['sleep', '1015'],
        stdio: 'ignore',
        restart: { policy: 'always', delay_ms: 10 },
      }),
    );
    const codes = Promise.all(starts.map((start) => codeOf(start.then(({ exited }) => exited))));
    // Some start, and some wait for their turn or to be added.
    await waitFor(() => supervisor.plugins.length >= 6);
    await supervisor.close();
    const settled = await codes;
    return {
      unexpected: settled.filter((code) => !['nothing', 'closed', 'start_cancelled'].includes(code)),
      refused: settled.some((code) => code !== 'nothing'),
      left: supervisor.plugins.length,
      processes: descendants().length,
      leaked: descriptors() - before,
    };
  },

  /** A broker is killed. The next one has come up when close() is over. */
  async closeWhileBrokerStarts() {
    const supervisor = await createSupervisor();
    await supervisor.start({ name: 'stays', command: ['sleep', '1014'], stdio: 'ignore' });
    const brokers = (): readonly number[] =>
      childrenOf(process.pid).filter((pid) => commandOf(pid).includes('broker.cjs'));
    const [former] = brokers();
    signalTo(former, 'SIGKILL');
    let held: number | undefined;
    // A process that begins another program has no command line for a moment: it is looked for once.
    await waitFor(() => {
      held = brokers().find((pid) => pid !== former);
      return held !== undefined;
    });
    signalTo(held, 'SIGSTOP');
    await supervisor.close();
    const waits = descendants().includes(held);
    signalTo(held, 'SIGCONT');
    await waitFor(() => descendants().length === 0);
    return { waits, processes: descendants().length };
  },

  async twice() {
    await using supervisor = await createSupervisor();
    const start = (): Promise<Plugin> =>
      supervisor.start({ name: 'same', command: ['sleep', '1016'], stdio: 'ignore' });
    const both = await Promise.allSettled([start(), start()]);
    const codes = both.map((one) =>
      one.status === 'fulfilled' ? 'runs' : (one.reason as { code: string }).code,
    );
    return {
      codes: codes.sort(),
      plugins: supervisor.plugins.length,
      runs: supervisor.plugins[0]?.pid !== undefined,
    };
  },

  /** An application holds a plugin that has ended, while another one has its name. */
  async stale() {
    await using supervisor = await createSupervisor();
    const settings: PluginSettings = { name: 'same', command: ['sleep', '1017'], stdio: 'ignore' };
    const former = await supervisor.start({ ...settings, command: ['true'] });
    await former.exited;
    const plugin = await supervisor.start(settings);
    const { pid } = plugin;
    await former.stop();
    const codes = [
      await codeOf(former.restart()),
      await codeOf(former.setPolicy({})),
      await codeOf(former.connections()),
    ];
    return { codes, formerPid: former.pid ?? null, same: plugin.pid === pid && pid !== undefined };
  },

  /** Is killed, and says before which processes it has started. */
  async killed() {
    const supervisor: PosternSupervisor = await createSupervisor();
    await supervisor.start({ name: 'stays', command: ['sh', '-c', 'sleep 1018 & sleep 1018'] });
    await waitFor(() => descendants().length >= 5);
    print({ processes: descendants() });
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  },
};

await play(SCENES);
