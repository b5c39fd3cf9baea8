// Runs all checks in the order of the output: first the ones that read the host, then the ones that judge the trial.

import { HOST_CHECKS } from './check-host.js';
import type { Check } from './check-result.js';
import { judgeTrial } from './check-trial.js';
import { type ContainerAdvice, containerAdvice } from './container-advice.js';
import type { HostFacts } from './host-facts.js';
import type { Trial } from './trial.js';

export interface Examination {
  /** No check is `missing`. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** The container, where its options would fix something. */
  readonly container?: ContainerAdvice | undefined;
}

export function examine(facts: HostFacts, trial: Trial): Examination {
  const read = HOST_CHECKS.map(({ name, needed, judge }) => ({ name, needed, ...judge(facts) }));
  const others = read.some(({ state }) => state === 'missing');
  const checks = [...read, ...judgeTrial(trial, facts, others)];
  const ok = checks.every(({ state }) => state !== 'missing');
  return { ok, checks, container: containerAdvice(checks, facts) };
}
