// The form of one metric in the tables of the broker and the supervisor. Metrics and their reference page are made from these tables.

/** The values of a label: a list where they are known, else words that say what the value is. */
export type LabelValues = readonly string[] | { readonly any: string };

/** The labels of one series. */
export type Series = Readonly<Record<string, string>>;

/** Whether a series stands at 0 before anything is counted. */
export type StartsAtZero = (series: Series) => boolean;

export interface MetricForm {
  /** As Prometheus sees it, prefix included. */
  readonly name: `postern_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** The upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
  /** Missing: every combination of the labels' known values does. */
  readonly startsAtZero?: StartsAtZero;
}

export type MetricTable = Readonly<Record<string, MetricForm>>;

/** The label of each series that belongs to one plugin. */
export const PLUGIN_LABEL: LabelValues = { any: "the plugin's name" };

/** A series' labels besides the plugin's. A value that the table does not list does not compile. */
export type LabelsOf<F extends MetricForm> = {
  readonly [L in Exclude<keyof F['labels'], 'plugin'> &
    string]: F['labels'][L] extends readonly (infer V extends string)[] ? V : string;
};

/** The table's metrics of one kind with a plugin label. */
export type PluginMetricKey<T extends MetricTable, K extends MetricForm['kind']> = {
  [M in keyof T & string]: T[M] extends { kind: K; labels: { plugin: LabelValues } } ? M : never;
}[keyof T & string];

/** The table's metrics of one kind without a plugin label. */
export type CommonMetricKey<T extends MetricTable, K extends MetricForm['kind']> = {
  [M in keyof T & string]: T[M] extends { kind: K }
    ? T[M] extends { labels: { plugin: LabelValues } }
      ? never
      : M
    : never;
}[keyof T & string];
