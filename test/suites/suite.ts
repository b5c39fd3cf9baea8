// What a suite of tests is to this command. Each suite is one file that makes such an object.
export const STATES = ['ok', 'failed', 'skipped'] as const;

export interface Outcome {
  readonly state: (typeof STATES)[number];
  /** What a failed or skipped test said. */
  readonly why: string;
}

/** By the name of the test. A test that did not end is not in it. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** Tests that one process runs. */
export interface Part {
  readonly name: string;
  /** For one run of all its tests. */
  readonly seconds: number;
  /** Belongs to --quick. */
  readonly quick?: boolean;
}

/** Where a part finds and puts its files. */
export interface Folders {
  /** What prepare() made. The tests may read it. */
  readonly made: string;
  /** The tests may write it. Empty before each run. */
  readonly work: string;
}

/** How to run tests of a part. The same words run outside and inside. */
export interface Plan {
  readonly words: readonly string[];
  /** TMPDIR, unless the tests read files beside their sources. */
  readonly cwd?: string;
  /** The file that the tests' results are written to, where stdout does not have them. */
  readonly results?: string;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly parts: readonly Part[];
  /** Debian's packages that it needs. */
  packages(): readonly string[];
  version(): string;
  /** Makes what a part needs, once. */
  prepare(part: Part, folders: Folders): Promise<void>;
  /** @param only the name of the one test to run; without it, all tests of the part run */
  plan(part: Part, folders: Folders, only?: string): Plan;
  /** Pure. */
  parse(text: string, part: Part): Outcomes;
}
