// Runs all checks in the order of the output: first the ones that read the host, then the ones that judge the trial.
import type { Container } from '../host/confinement.js';
import { AS_USER, containerFix, containerOptions } from '../host/container-fix.js';
import { HOST_CHECKS } from './check-host.js';
import type { Check } from './check-result.js';
import { judgeTrial } from './check-trial.js';
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

// The container options that the checks ask for together, for the last lines of `postern doctor`.

interface ContainerAdvice extends Container {
  /** Words for `docker run` or `podman run`; undefined in other containers. */
  readonly options?: readonly string[] | undefined;
  /** What to do, in lines. */
  readonly fix: string;
}

/** @returns undefined outside of containers, and where no option of the container would help */
function containerAdvice(checks: readonly Check[], facts: HostFacts): ContainerAdvice | undefined {
  const { container } = facts;
  if (container === undefined) return undefined;
  const options = containerOptions(facts);
  const confined = checks.find(({ fix }) => fix !== undefined && fix === containerFix(facts));
  const asUser =
    options && checks.find(({ fix }) => fix?.includes(`${container.kind} run ${AS_USER.join(' ')} `));
  const fix = [confined, asUser].flatMap((check) => check?.fix ?? []).join('\n');
  if (fix === '') return undefined;
  const words = [...(confined && options ? options : []), ...(asUser ? AS_USER : [])];
  return { ...container, options: options && words, fix };
}
