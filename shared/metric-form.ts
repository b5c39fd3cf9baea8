// The form of one metric in the tables of the broker and the supervisor. Metrics and their reference page are made from these tables.

/** The values of a label: a list where they are known, else words that say what the value is. */
export type LabelValues = readonly string[] | { readonly any: string };

export interface MetricForm {
  /** As Prometheus sees it, prefix included. */
  readonly name: `postern_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** The upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** The names of a metric's labels. */
export type LabelName<F extends MetricForm> = keyof F['labels'] & string;

/** The label of each series that belongs to one plugin. */
export const PLUGIN_LABEL: LabelValues = { any: "the plugin's name" };
