// postern ui: prints a link to the live page. If `up` serves none, this command does, until it is ended. `up` starts it too, with --links: then it prints
// where it listens, and gets the token of each link by its stdin, whose end is its own.
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Command, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { absoluteUi, DEFAULT_UI, readUiAddress } from '../../../shared/config/ui-address.js';
import { PosternError } from '../../../shared/errors.js';
import type { ControlClient } from '../control/control-client.js';
import { type AskOptions, controlCommand, openControl, withControl } from '../control/control-command.js';
import { describeError, say } from '../say.js';
import { ControlLine } from './control-line.js';
import { makeLink } from './page-keys.js';
import { PageServer } from './page-server.js';

interface UiOptions extends AskOptions {
  readonly address?: string;
  readonly edit?: true;
  readonly links?: true;
}

export function uiCommand(): Command {
  return controlCommand('ui', [
    'ui',
    'ui --address 127.0.0.1:8000',
    'ui --address unix:/run/user/1000/postern-ui',
  ])
    .option('--address <address>', `serve a page of its own there (default: that of up, else ${DEFAULT_UI})`)
    .option('--edit', 'the page may add rules to the file of the running postern')
    .addOption(new Option('--links').hideHelp())
    .action((options: UiOptions) =>
      options.links === true ? serveFor(options) : withControl(options, (client) => ui(client, options)),
    );
}

/** @returns the exit status */
async function ui(client: ControlClient, options: UiOptions): Promise<number> {
  const tell = (url: string): void =>
    void process.stdout.write(options.json === true ? `${asciiJson({ url })}\n` : `${url}\n`);
  const served = options.address === undefined && options.edit !== true ? await linkOf(client) : undefined;
  client.close();
  if (served !== undefined) {
    tell(served);
    return 0;
  }
  const server = serverOf(options);
  const base = await server.listen();
  const show = (): void => {
    const { url, token } = makeLink(base);
    server.admit(token);
    tell(url);
  };
  show();
  say(
    `the page is served until Ctrl-C; the link counts once${process.stdin.isTTY === true ? ', and Enter prints another' : ''}`,
  );
  if (process.stdin.isTTY === true) createInterface({ input: process.stdin }).on('line', show);
  await new Promise<void>((end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end());
  });
  server.close();
  return 0;
}

/** @returns undefined if the running postern serves no page */
async function linkOf(client: ControlClient): Promise<string | undefined> {
  try {
    const { url } = (await client.call('page', {})) as { readonly url?: unknown };
    return String(url);
  } catch (error) {
    if (error instanceof PosternError && error.code === 'control_refused') return undefined;
    throw error;
  }
}

async function serveFor(options: UiOptions): Promise<void> {
  try {
    const server = serverOf(options);
    process.stdout.write(`${await server.listen()}\n`);
    createInterface({ input: process.stdin })
      .on('line', (token) => server.admit(token))
      .on('close', () => {
        server.close();
        process.exit(0);
      });
    // The terminal's signals are for `up`, which ends this process.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.on(signal, () => {});
  } catch (error) {
    say(describeError(error), 'error');
    process.exit(1);
  }
}

function serverOf(options: UiOptions): PageServer {
  const address = absoluteUi(options.address ?? DEFAULT_UI, (path) => resolve(path));
  const read = readUiAddress(address);
  if ('problem' in read) throw new PosternError('usage', `--address: ${read.problem}`);
  return new PageServer(new ControlLine(() => openControl(options)), {
    address,
    edit: options.edit === true,
  });
}
