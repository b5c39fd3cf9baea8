// The places where tests run: outside as an ordinary user, and in sandboxes that root and that user started.
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { asUser, distFor, readableFolder, type User } from '../harness/users.js';
import { endLeftovers, runWords } from './run-words.js';
import type { Folders, Plan } from './suite.js';

/** Where a test runs; a sandbox is named by who starts it. */
export type Place = 'outside' | User;

const NOBODY = 65_534;
const SAME = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' } as const;

export interface Ran {
  /** The text with the tests' results. */
  readonly results: string;
  /** The last that the program and postern said. */
  readonly said: string;
  readonly timedOut: boolean;
  readonly seconds: number;
}

const MAX_SAID = 2_000;
/** Runs the words behind it as a child: a leader of a session, as runWords() starts one, would take the next terminal that it opens as its own. */
const NOT_LEADER = ['/bin/sh', '-c', '"$@"; exit', 'sh'];

export class Places implements Folders {
  readonly made: string;
  readonly work: string;
  readonly #home: string;
  readonly #tmp: string;

  constructor() {
    const top = readableFolder();
    this.made = join(top, 'made');
    this.work = join(top, 'work');
    this.#home = join(top, 'home');
    this.#tmp = join(top, 'tmp');
    mkdirSync(this.made);
    process.once('exit', () => endLeftovers(this.#tmp));
  }

  async run(place: Place, plan: Plan, seconds: number): Promise<Ran> {
    const began = performance.now();
    this.#empty();
    // Inside, postern sets its own HOME and TMPDIR.
    const env = { ...SAME, HOME: this.#home, TMPDIR: this.#tmp };
    const cwd = plan.cwd ?? this.#tmp;
    const start = place === 'outside' ? [...asUser('user'), ...NOT_LEADER] : this.#inside(place, plan);
    const words = [...start, ...plan.words];
    try {
      const { stdout, stderr, timedOut } = await runWords(words, { env, cwd, seconds });
      const results = plan.results === undefined ? stdout : readIfThere(plan.results);
      const said = `${stdout.slice(-MAX_SAID)}\n${stderr.slice(-MAX_SAID)}`;
      return { results, said, timedOut, seconds: (performance.now() - began) / 1_000 };
    } finally {
      endLeftovers(this.#tmp);
      this.#empty();
    }
  }

  #inside(user: User, plan: Plan): string[] {
    return [
      ...asUser(user),
      ...[process.execPath, join(distFor(user), 'run/postern.js'), 'run', '--name', 'suite'],
      ...['--visible', this.made, '--writable', this.work, '--cwd', plan.cwd ?? '/tmp'],
      '--',
    ];
  }

  #empty(): void {
    for (const path of [this.work, this.#home, this.#tmp]) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      if (process.geteuid?.() === 0) chownSync(path, NOBODY, NOBODY);
    }
  }
}

const readIfThere = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
