// A plugin with `unknown: ask`, steered by a test.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AskEnding, AskRequest } from '../../sandbox/supervisor/approval/asks.js';
import type { AuditLine } from '../harness/audit-line.js';
import type { PublicNet } from '../harness/public-net.js';
import { until } from '../harness/until.js';
import { asUser, distFor, type User } from '../harness/users.js';
import type { AskScene } from './ask-driver.js';

/** A line of the driver. */
interface Line {
  readonly asked?: AskRequest;
  readonly closed?: string;
  readonly ending?: AskEnding;
  readonly event?: AuditLine;
  readonly out?: string;
  readonly notice?: string;
  readonly aborted?: string;
  readonly done?: string;
  readonly failed?: string;
  readonly code?: string;
  readonly end?: object;
  readonly pid?: number;
}

export class SteeredPlugin {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;

  constructor(as: User, net: PublicNet, scene: Omit<AskScene, 'dns'>) {
    const driver = join(distFor(as), 'test/integration/ask-driver.js');
    const words = [...net.within, ...asUser(as), process.execPath, driver];
    const [command = '', ...args] = [...words, JSON.stringify({ ...scene, dns: net.dns })];
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent' };
    this.#child = spawn(command, args, { cwd: '/', env, stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
  }

  /** Waits for a line, past or to come. */
  line(pick: (line: Line) => boolean): Promise<Line> {
    return until(() => this.lines.find(pick), 30_000);
  }

  /** The question about a host. @param nth which of several, from 0 */
  async asked(host: string, nth = 0): Promise<AskRequest> {
    const found = await until(
      () => this.lines.flatMap(({ asked }) => (asked?.host === host ? [asked] : []))[nth],
      30_000,
    );
    return found;
  }

  /** Sends a word, and waits until it is obeyed. @returns the code of its failure */
  async say(word: string): Promise<string | undefined> {
    const before = this.lines.length;
    this.#child.stdin?.write(`${word}\n`);
    const answer = await until(
      () => this.lines.slice(before).find(({ done, failed }) => done === word || failed === word),
      30_000,
    );
    return answer.code;
  }

  get questions(): readonly AskRequest[] {
    return this.lines.flatMap(({ asked }) => asked ?? []);
  }

  get output(): readonly string[] {
    return this.lines.flatMap(({ out }) => out ?? []);
  }

  decisions(): readonly AuditLine[] {
    return this.lines.flatMap(({ event }) =>
      event === undefined || event['event'] === 'closed' ? [] : [event],
    );
  }

  async ended(): Promise<readonly string[]> {
    await this.line(({ end }) => end !== undefined);
    return this.output;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
