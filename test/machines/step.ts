// The steps of a machine and their results, as the machine and its host exchange them: one line of JSON each.
import type { TestEnd } from '../run/run-file.js';

export type StepUser = 'root' | 'user';

export interface Step {
  readonly name: string;
  readonly as: StepUser;
  /** "node" is the machine's Node. Relative paths are below the compiled tree. */
  readonly command: readonly string[];
  /** The exit status of a step that passes. */
  readonly passes: number;
  /** A regular expression that its output must match. */
  readonly says?: string;
  /** The command is the words that choose test files. Each of its lines is the end of a test. */
  readonly tests?: boolean;
  /** In a scope of systemd with a control group that is delegated to it. */
  readonly delegated?: boolean;
  readonly seconds: number;
  /** Left out by --quick. */
  readonly long?: boolean;
  /** Variables beside the usual ones. */
  readonly variables?: Readonly<Record<string, string>>;
}

interface TestCount {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

export interface StepResult {
  readonly name: string;
  readonly as: StepUser;
  readonly passed: boolean;
  readonly status: number | null;
  readonly timedOut: boolean;
  readonly seconds: number;
  /** The end of its output. */
  readonly output: string;
  readonly tests?: TestCount;
}

export type Event =
  | { readonly event: 'up'; readonly kernel: string; readonly node: string; readonly libuv: string }
  | { readonly event: 'start'; readonly name: string; readonly as: StepUser }
  | ({ readonly event: 'test' } & TestEnd)
  | ({ readonly event: 'end' } & StepResult)
  | { readonly event: 'down' };
