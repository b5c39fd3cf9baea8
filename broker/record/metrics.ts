// The broker's counts. Runs in the broker; the supervisor serves the text.
import type { AddressClass, DnsResult, Outcome } from '../../shared/reasons.js';
import { MetricSet } from './metric-set.js';
import { PluginMetrics } from './plugin-metrics.js';

export class Metrics {
  readonly #set = new MetricSet();

  /** The counts of one plugin, at 0 from now on. */
  ofPlugin(name: string): PluginMetrics {
    return new PluginMetrics(this.#set, name);
  }

  decisionTook(seconds: number): void {
    this.#set.observe('decisionDuration', {}, seconds);
  }

  dnsLookup(result: Exclude<DnsResult, 'refused'>, milliseconds: number): void {
    this.#set.count('dnsLookups', { result });
    this.#set.observe('dnsDuration', {}, milliseconds / 1000);
  }

  /** A sandbox asked for a name that the rules do not allow. */
  dnsRefused(): void {
    this.#set.count('dnsLookups', { result: 'refused' });
  }

  addressDropped(name: AddressClass): void {
    this.#set.count('addressesDropped', { class: name });
  }

  connectEnded(outcome: Outcome, milliseconds: number): void {
    this.#set.observe('connectDuration', { outcome }, milliseconds / 1000);
  }

  auditEventsDropped(events: number): void {
    this.#set.count('auditEventsDropped', {}, events);
  }

  /** The text exposition format. */
  text(): Promise<string> {
    return this.#set.text();
  }
}
