// Gathers all container options that the checks ask for, for the last lines of `postern doctor`.

import type { Container } from '../host/confinement.js';
import { AS_USER, containerFix, containerOptions } from '../host/container-fix.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export interface ContainerAdvice extends Container {
  /** Words for `docker run` or `podman run`; undefined in other containers. */
  readonly options?: readonly string[] | undefined;
  /** What to do, in lines. */
  readonly fix: string;
}

/** @returns undefined outside of containers, and where no option of the container would help */
export function containerAdvice(checks: readonly Check[], facts: HostFacts): ContainerAdvice | undefined {
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
