// postern up: every plugin of a configuration file, until the last has ended or a signal ends them.
import { Command } from 'commander';
import { loadConfig } from '../../shared/config/load-config.js';
import { captureStreams } from '../supervisor/standard-streams.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { limitLines, refusalLine } from './refusal-line.js';
import { describeError, say } from './say.js';

interface UpOptions {
  readonly config: string;
}

export function upCommand(): Command {
  return new Command('up')
    .description('run the plugins of a configuration file')
    .option('--config <file>', 'the file', './postern.yaml')
    .addHelpText('after', '\nExample:\n  postern up --config /etc/postern.yaml')
    .action(async ({ config }: UpOptions) => {
      process.exit(await up(config));
    });
}

/** @returns the exit status: 0 where every plugin ended with 0 or was stopped, 1 otherwise, 2 for a bad file */
async function up(path: string): Promise<number> {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig(path);
  } catch (error) {
    say(describeError(error));
    return 2;
  }
  const report = limitLines(say);
  const supervisor = new Supervisor({
    plugins: config.plugins,
    metrics: config.metrics,
    audit: config.audit,
    dnsServers: config.dnsServers,
    onEvent: (event) => {
      const line = refusalLine(event);
      if (line !== undefined && config.audit !== 'stderr') report(`${event['plugin']}: ${line}`);
    },
    onNotice: say,
  });
  let stopping = false;
  const stop = (): void => {
    stopping = true;
    void supervisor.close();
  };
  try {
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    await supervisor.start();
    const ends = await Promise.all(
      config.plugins.map(async (plugin) => {
        const write = { stdout: process.stdout, stderr: process.stderr };
        const streams = captureStreams((stream, line) =>
          write[stream].write(`${plugin.name} | ${process.stdout.isTTY === true ? visible(line) : line}\n`),
        );
        try {
          const sandbox = await supervisor.startPlugin(plugin, streams, 'boot');
          const end = await sandbox.ended;
          await streams.drained();
          const how = end.kind === 'exited' ? `status ${end.status}` : `signal ${end.signal}`;
          say(`${plugin.name}: ended with ${how}`);
          return end.kind === 'exited' && end.status === 0;
        } catch (error) {
          say(`${plugin.name}: ${describeError(error)}`);
          return false;
        }
      }),
    );
    return stopping || ends.every((good) => good) ? 0 : 1;
  } catch (error) {
    say(describeError(error));
    return 1;
  } finally {
    await supervisor.close();
  }
}

/** A plugin's line on a terminal: its control characters would rewrite what others have written. */
function visible(line: string): string {
  return line.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}
