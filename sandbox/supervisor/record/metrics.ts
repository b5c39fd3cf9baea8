// The supervisor's own metrics, counted here. Runs in the supervisor, which serves them together with the broker's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Counter, Gauge, Registry } from 'prom-client';
import type { LabelName, MetricForm } from '../../../shared/metric-form.js';
import { DIST } from '../../../shared/own-files.js';
import { EXIT_CAUSES, type ExitCause, START_CAUSES, type StartCause } from '../../../shared/reasons.js';
import { SUPERVISOR_METRICS } from './metric-table.js';

interface Settings<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: L[];
  readonly registers: Registry[];
}

/** The version of this package, from package.json. */
export const VERSION: string = (
  JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8')) as { version: string }
).version;

export class SupervisorMetrics {
  readonly registry: Registry = new Registry();
  readonly #up = this.#gauge(SUPERVISOR_METRICS.up);
  readonly #startTime = this.#gauge(SUPERVISOR_METRICS.startTime);
  readonly #starts = this.#counter(SUPERVISOR_METRICS.starts);
  readonly #exits = this.#counter(SUPERVISOR_METRICS.exits);
  readonly #brokerUp = this.#gauge(SUPERVISOR_METRICS.brokerUp);
  readonly #brokerRestarts = this.#counter(SUPERVISOR_METRICS.brokerRestarts);
  readonly #reloads = this.#counter(SUPERVISOR_METRICS.reloads);
  readonly #lastReload = this.#gauge(SUPERVISOR_METRICS.lastReload);
  readonly #lastSuccess = this.#gauge(SUPERVISOR_METRICS.lastSuccess);

  constructor() {
    this.#gauge(SUPERVISOR_METRICS.buildInfo).set({ version: VERSION }, 1);
    for (const result of SUPERVISOR_METRICS.reloads.labels.result) this.#reloads.inc({ result }, 0);
    this.#brokerUp.set(0);
  }

  addPlugin(plugin: string): void {
    this.#up.set({ plugin }, 0);
    this.#startTime.set({ plugin }, 0);
    for (const cause of START_CAUSES) this.#starts.inc({ plugin, cause }, 0);
    for (const cause of EXIT_CAUSES) this.#exits.inc({ plugin, cause }, 0);
  }

  pluginStarted(plugin: string, cause: StartCause): void {
    this.#up.set({ plugin }, 1);
    this.#startTime.set({ plugin }, Date.now() / 1000);
    this.#starts.inc({ plugin, cause });
  }

  pluginEnded(plugin: string, cause: ExitCause): void {
    this.#up.set({ plugin }, 0);
    this.#exits.inc({ plugin, cause });
  }

  brokerUp(up: boolean): void {
    this.#brokerUp.set(up ? 1 : 0);
  }

  brokerRestarted(): void {
    this.#brokerUp.set(1);
    this.#brokerRestarts.inc();
  }

  policyLoaded(ok: boolean): void {
    this.#reloads.inc({ result: ok ? 'ok' : 'error' });
    this.#lastReload.set(ok ? 1 : 0);
    if (ok) this.#lastSuccess.set(Date.now() / 1000);
  }

  #gauge<F extends MetricForm & { readonly kind: 'gauge' }>(form: F): Gauge<LabelName<F>> {
    return new Gauge(this.#settings(form));
  }

  #counter<F extends MetricForm & { readonly kind: 'counter' }>(form: F): Counter<LabelName<F>> {
    return new Counter(this.#settings(form));
  }

  #settings<F extends MetricForm>({ name, help, labels }: F): Settings<LabelName<F>> {
    return { name, help, labelNames: Object.keys(labels) as LabelName<F>[], registers: [this.registry] };
  }
}
