// The limits that postern_limit_rejections_total counts, by the word of its label `limit`. Made from the table of limits. Pure.
import { type CountedLimit, LIMIT_FORMS, type LimitName } from './limit-forms.js';

/** A limit of the broker that no setting changes. */
const FIXED_LIMITS = [
  {
    word: 'descriptors',
    counts:
      "Too many sockets waited for the plugin to receive them. Or the plugin had used up its share of the broker's descriptors.",
  },
  {
    word: 'asks',
    counts:
      'A destination that no rule allows was refused without a question: too many questions or callers of the plugin waited, or it asked too often.',
  },
] as const;

type Counted =
  | Extract<(typeof LIMIT_FORMS)[LimitName], { readonly metric: CountedLimit }>['metric']
  | (typeof FIXED_LIMITS)[number];

export type LimitWord = Counted['word'];

/** The words that count only where the sandbox has a control group. */
export type CgroupLimitWord = Extract<Counted, { readonly onlyWithCgroup: true }>['word'];

const counted: readonly Counted[] = [
  ...Object.values(LIMIT_FORMS).flatMap((form) => ('metric' in form ? [form.metric] : [])),
  ...FIXED_LIMITS,
];

export const LIMIT_WORDS: readonly LimitWord[] = counted.map(({ word }) => word);

export const COUNTED_LIMITS: readonly CountedLimit[] = counted;
