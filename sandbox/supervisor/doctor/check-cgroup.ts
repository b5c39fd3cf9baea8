// Control groups: for information, since nothing here is limited by them.
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';

export function checkCgroup({ cgroup }: HostFacts): Check {
  const { version, path, delegated } = cgroup;
  return {
    name: 'cgroup',
    state: 'ok',
    found: version === 1 ? 'version 1' : `version 2, ${path}, ${delegated ? 'delegated' : 'not delegated'}`,
    needed: 'nothing: limits are set by setrlimit(2)',
  };
}
