// Runs a plugin with `unknown: ask` and a supervisor that a test steers: lines of JSON out, words in. It is a separate program, so that it can run
// as either user, and in a network of the test's own.
import { createInterface } from 'node:readline';
import type { AskAnswer } from '../../sandbox/supervisor/approval/asks.js';
import { captureStreams } from '../../sandbox/supervisor/start/standard-streams.js';
import { Supervisor } from '../../sandbox/supervisor/supervisor.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { ASK_SCOPES } from '../../shared/words.js';
import { signalTo } from '../harness/processes.js';

export interface AskScene {
  readonly command: readonly string[];
  readonly dns: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly egress?: PluginConfig['egress'];
  readonly unknown?: PluginConfig['unknown'];
  readonly askMs?: number;
  readonly ruleFile?: string;
  /** What the library's callback answers for each host; for another host it never answers. */
  readonly library?: Readonly<Record<string, AskAnswer['answer'] | 'throws'>>;
}

const scene = JSON.parse(process.argv[2] ?? '') as AskScene;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const plugin: PluginConfig = {
  ...plainPlugin('asker', scene.command),
  ...{ allow: scene.allow ?? [], deny: scene.deny ?? [], egress: scene.egress ?? 'transparent' },
  unknown: scene.unknown ?? 'ask',
};
const supervisor = new Supervisor({
  plugins: [plugin],
  dnsServers: [scene.dns],
  askMs: scene.askMs ?? 30_000,
  ruleFile: scene.ruleFile,
  onEvent: (event) => say({ event }),
  onNotice: (notice) => say({ notice }),
  onAsk: (request, signal) =>
    new Promise<AskAnswer>((resolve, reject) => {
      const answer = scene.library?.[request.host];
      signal.addEventListener('abort', () => say({ aborted: request.id }));
      if (answer === 'throws') reject(new Error('the callback failed'));
      else if (answer !== undefined) resolve({ answer });
    }),
});
supervisor.asks.on('opened', (asked) => say({ asked }));
supervisor.asks.on('closed', ({ id }, ending) => say({ closed: id, ending }));

async function obey(line: string): Promise<void> {
  const [word = '', id = '', scope = ''] = line.split(' ');
  const known = ASK_SCOPES.find((one) => one === scope);
  try {
    if (word === 'approve' && known !== undefined) await supervisor.asks.approve(id, known, 'control');
    else if (word === 'deny') supervisor.asks.deny(id, 'control');
    else if (word === 'kill') signalTo(supervisor.brokerPid, 'SIGKILL');
    else if (word === 'withdraw') await supervisor.setPlugins([plugin]);
    else if (word === 'replace') await supervisor.replaceBroker();
    else if (word === 'stop') await supervisor.stopPlugin('asker');
    say({ done: line });
  } catch (error) {
    say({ failed: line, code: (error as { code?: string }).code });
  }
}

await supervisor.start();
const streams = captureStreams((_, out) => {
  say({ out });
  return undefined;
});
const sandbox = await supervisor.startPlugin(plugin, () => streams, 'boot');
say({ pid: sandbox.pid });
createInterface({ input: process.stdin }).on('line', (line) => void obey(line));
const end = await sandbox.ended;
await streams.drained();
// Events of what it did last may come later than its end.
await supervisor.close();
say({ end });
process.exit(0);
