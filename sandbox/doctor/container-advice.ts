// All that a container's options have to be, gathered from what the checks say: for `postern doctor`'s last lines.

import type { Container } from '../host/confinement.js';
import { AS_USER, containerFix, containerOptions } from '../host/container-fix.js';
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';

export interface ContainerAdvice extends Container {
  /** Words for `docker run` or `podman run`; absent for others. */
  readonly options?: readonly string[] | undefined;
  /** What to do, in lines. */
  readonly fix: string;
}

/** @returns undefined outside of containers, and where nothing lacks that options of the container allow */
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
