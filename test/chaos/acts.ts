// What a chaos run does to postern, one act after the other.
import { readFileSync, writeFileSync } from 'node:fs';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import type { Scene } from './scene.js';

export interface Act {
  readonly name: string;
  /** Whether the scene allows it. */
  readonly fits?: (scene: Scene) => boolean;
  readonly run: (scene: Scene) => Promise<void>;
  /** Meanwhile no broker answers, for longer than a call may wait. */
  readonly hangs?: true;
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function replaced(scene: Scene, former: number | undefined): true | undefined {
  const broker = scene.broker();
  return broker !== undefined && broker !== former ? true : undefined;
}

async function loseBroker(scene: Scene, by: NodeJS.Signals): Promise<void> {
  const broker = scene.broker();
  signal(broker, by);
  await until(() => replaced(scene, broker), 30_000);
  await pause(500);
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

async function scrape(port: number): Promise<void> {
  // Connections past the bound are closed. fetch() may then wait for good.
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(3_000) });
  await answer.text();
}

export const ACTS: readonly Act[] = [
  {
    name: 'broker killed',
    run: (scene) => loseBroker(scene, 'SIGKILL'),
  },
  {
    name: 'broker stopped for good',
    hangs: true,
    run: (scene) => loseBroker(scene, 'SIGSTOP'),
  },
  {
    name: 'broker replaced',
    run: async (scene) => {
      const broker = scene.broker();
      const control = await rawControl(scene.control);
      control.send(request('replace', 'replace_broker'));
      await until(() => replaced(scene, broker), 30_000);
      await pause(500);
      control.socket.destroy();
    },
  },
  {
    name: 'broker slowed',
    run: async (scene) => {
      const broker = scene.broker();
      for (let times = 0; times < 10; times += 1) {
        signal(broker, 'SIGSTOP');
        await pause(80);
        signal(broker, 'SIGCONT');
        await pause(40);
      }
    },
  },
  {
    name: 'audit pipe unread',
    fits: ({ audit }) => audit.reader !== undefined,
    run: async ({ audit }) => {
      audit.reader?.kill('SIGSTOP');
      await pause(1_500);
      audit.reader?.kill('SIGCONT');
    },
  },
  {
    name: 'disk full',
    fits: ({ audit }) => audit.fill !== undefined,
    run: async ({ audit }) => {
      const free = audit.fill?.();
      await pause(1_500);
      free?.();
    },
  },
  {
    name: 'output unread',
    run: async ({ child }) => {
      child.stdout?.pause();
      child.stderr?.pause();
      await pause(1_500);
      child.stdout?.resume();
      child.stderr?.resume();
    },
  },
  {
    name: 'metrics scraped by 100',
    run: async ({ metricsPort }) => {
      await Promise.allSettled(Array.from({ length: 100 }, () => scrape(metricsPort)));
    },
  },
  {
    // The rules that are used stay. Others come and go, a plugin restarts, and a file with a mistake changes nothing.
    name: 'configuration reloaded',
    run: async ({ child, config }) => {
      const { path, plugins } = config;
      for (let round = 0; round < 5; round += 1) {
        const deny = [`192.0.2.${round}`];
        const changed = Object.entries(plugins).map(([name, plugin]) => [name, { ...plugin, deny }]);
        const next = { ...config, path: undefined, plugins: Object.fromEntries(changed) };
        const restless = { ...plugins['restless'], command: ['sleep', `0.3${round}`] };
        const text = JSON.stringify({ ...next, plugins: { ...next.plugins, restless } });
        writeFileSync(path, round === 3 ? text.slice(0, -1) : text);
        child.kill('SIGHUP');
        await pause(150);
      }
      writeFileSync(path, JSON.stringify({ ...config, path: undefined }));
      child.kill('SIGHUP');
      await pause(500);
    },
  },
  {
    name: 'resolv.conf replaced',
    fits: ({ resolvConf }) => resolvConf !== undefined,
    run: async ({ resolvConf = '' }) => {
      const good = readFileSync(resolvConf);
      for (const bad of ['', '\0\xff garbage\nnameserver \n', 'x'.repeat(10_000_000)]) {
        writeFileSync(resolvConf, bad);
        await pause(300);
      }
      writeFileSync(resolvConf, good);
    },
  },
];
