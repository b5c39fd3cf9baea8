// The process of the live page, as `up` starts it for `ui:` of the file. HTTP is not parsed here: of the page this process knows where it is, and gives it the
// token of each link. Runs in the supervisor.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundlePath } from '../../../shared/bundles.js';
import type { UiConfig } from '../../../shared/config/ui-address.js';
import { PosternError } from '../../../shared/errors.js';
import { nodeFlags } from '../../../shared/node-flags.js';
import { say } from '../say.js';
import { makeLink } from './page-keys.js';

export class PageProcess {
  readonly #child: ChildProcess;
  /** Where the page is; undefined until it listens, and once it has ended. */
  #base: string | undefined;
  /** Resolves when it listens, or has failed and has said why. */
  readonly settled: Promise<void>;

  /** @param control the path of this supervisor's control socket */
  constructor({ address, edit }: UiConfig, control: string) {
    const words = ['ui', '--control', control, '--address', address, '--links', ...(edit ? ['--edit'] : [])];
    this.#child = spawn(process.execPath, [...nodeFlags(), bundlePath('postern-ui'), ...words], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
      // Of what is typed at the terminal of `up` nothing is for it.
      detached: true,
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => {});
    this.settled = new Promise((resolve) => {
      if (stdout !== null)
        createInterface({ input: stdout }).once('line', (base) => {
          this.#base = base;
          resolve();
        });
      this.#child.once('error', ({ message }) => {
        say(`the live page was not started: ${message}`, 'warning');
        resolve();
      });
      this.#child.once('exit', () => {
        if (this.#base !== undefined) say('the live page has ended; "postern ui" serves another', 'warning');
        this.#base = undefined;
        resolve();
      });
    });
    // It says `postern: ` itself.
    if (stderr !== null)
      createInterface({ input: stderr }).on('line', (line) => say(line.replace(/^postern: /, ''), 'warning'));
  }

  /** @returns a link that counts once @throws PosternError `ui_address` if there is no page */
  link(): string {
    if (this.#base === undefined)
      throw new PosternError('ui_address', 'The live page is not served', {
        fix: 'see what postern has said of it',
      });
    const { url, token } = makeLink(this.#base);
    this.#child.stdin?.write(`${token}\n`);
    return url;
  }

  /** Its stdin ends, and so does it. */
  close(): void {
    this.#base = undefined;
    this.#child.stdin?.end();
  }
}
