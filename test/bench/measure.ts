// What a measure is: contestants that do the same work in turn, the figures of it, and what postern aims at.

/** What a contestant needed in one round: a number by the key of each figure. */
export type Sample = Readonly<Record<string, number>>;

export interface Contestant {
  readonly name: string;
  /** `limit`: the least that the mechanism costs, in C. */
  readonly role: 'direct' | 'limit' | 'postern' | 'peer';
  /** The label of the compiled tree that it runs, where several are measured. */
  readonly checkout?: string;
  /** Does the work of one round. */
  readonly round: () => Promise<Sample>;
  /** Work that does not count, before the first round. */
  readonly warmUp?: () => Promise<void>;
}

/** A peer that cannot be measured here. */
export interface Absent {
  readonly name: string;
  readonly why: string;
}

/** A measure, set up. */
export interface Scene {
  readonly contestants: readonly Contestant[];
  readonly absent: readonly Absent[];
  readonly close: () => Promise<void>;
}

/** One of `atMost` and `atLeast` is there, and at most one of `over` and `minus`. */
export interface Aim {
  /** The name of a contestant of postern. */
  readonly of: string;
  /** What its value is divided by: a contestant, or the best of the peers. Missing: the value itself. */
  readonly over?: string;
  /** The contestant whose value is subtracted. */
  readonly minus?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export const PEERS = 'the best peer';

export interface Figure {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  /** The contestant that all ratios are to. Missing: the value is compared with nothing. */
  readonly baseline?: string;
  /** Whether the chart of the page has it. */
  readonly charted?: true;
  readonly aims: readonly Aim[];
}

export interface Measure {
  /** The word on the command line. */
  readonly name: string;
  readonly title: string;
  readonly rounds: { readonly full: number; readonly quick: number };
  readonly figures: readonly Figure[];
  readonly open: (bench: Bench) => Promise<Scene>;
}

/** A compiled tree of postern. */
export interface Checkout {
  readonly label: string;
  /** The folder above `dist`. */
  readonly top: string;
  readonly dist: string;
}

/** What all measures of a run share. */
export interface Bench {
  readonly quick: boolean;
  readonly checkouts: readonly Checkout[];
  /** The folder of the compiled C programs. Every user can read it. */
  readonly programs: string;
  /** Writes a line of progress. */
  readonly say: (text: string) => void;
}
