// The supervisor's own series; the broker's come beside them on the same page.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Counter, Gauge, Registry } from 'prom-client';
import { DIST } from '../../../shared/own-files.js';
import { EXIT_CAUSES, type ExitCause, START_CAUSES, type StartCause } from '../../../shared/reasons.js';

/** The version of this package, as package.json has it. */
export const VERSION: string = (
  JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8')) as { version: string }
).version;

export class SupervisorMetrics {
  readonly registry: Registry = new Registry();
  readonly #up = this.#gauge('plugin_up', 'Whether the plugin runs', ['plugin']);
  readonly #startTime = this.#gauge('plugin_start_time_seconds', 'When the plugin last started, Unix time', [
    'plugin',
  ]);
  readonly #starts = this.#counter('plugin_starts_total', 'Starts of the plugin', ['plugin', 'cause']);
  readonly #exits = this.#counter('plugin_exits_total', 'Ends of the plugin', ['plugin', 'cause']);
  readonly #brokerUp = this.#gauge('broker_up', 'Whether a broker runs', []);
  readonly #brokerRestarts = this.#counter(
    'broker_restarts_total',
    'Brokers started in the place of one that died',
    [],
  );
  readonly #reloads = this.#counter('policy_reloads_total', 'Attempts to load the rules', ['result']);
  readonly #lastReload = this.#gauge(
    'policy_last_reload_successful',
    'Whether the last attempt succeeded',
    [],
  );
  readonly #lastSuccess = this.#gauge(
    'policy_last_reload_success_timestamp_seconds',
    'When the rules were last loaded, Unix time',
    [],
  );

  constructor() {
    this.#gauge('build_info', 'The version of postern', ['version']).set({ version: VERSION }, 1);
    for (const result of ['ok', 'error']) this.#reloads.inc({ result }, 0);
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

  #gauge<T extends string>(name: string, help: string, labelNames: T[]): Gauge<T> {
    return new Gauge({ name: `postern_${name}`, help, labelNames, registers: [this.registry] });
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name: `postern_${name}`, help, labelNames, registers: [this.registry] });
  }
}
