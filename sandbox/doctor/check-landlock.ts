// Landlock, the second layer beside seccomp. Its version decides what it adds.
import { LANDLOCK_UNIX } from '../../shared/sys/landlock.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

const FOR_TCP = 4;
const FOR_SCOPES = 6;

export function checkLandlock({ landlock, release }: HostFacts): Check {
  const check = {
    name: 'Landlock',
    needed: `ABI ${FOR_SCOPES} (Linux 6.12); ABI ${LANDLOCK_UNIX} (Linux 7.1) for AF_UNIX datagrams`,
  };
  if (typeof landlock === 'string') {
    return {
      ...check,
      state: 'missing',
      found: `landlock_create_ruleset(2): ${landlock}`,
      fix: 'The kernel has Landlock, but something forbids it: allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in the filter that holds for postern.',
    };
  }
  const found = landlock === 0 ? 'none' : `ABI ${landlock}`;
  if (landlock >= FOR_SCOPES) return { ...check, state: 'ok', found };
  return { ...check, state: 'degraded', found, fix: without(landlock, release) };
}

function without(version: number, release: string): string {
  if (version === 0)
    return `Connections and files are kept by seccomp and mounts alone. This kernel (${release}) has none, or it is not among the modules that it was started with: boot Linux 6.12 or newer with landlock in lsm=.`;
  const scopes =
    'Abstract sockets and signals are kept by namespaces alone (from ABI 6, Linux 6.12, by Landlock too).';
  if (version >= FOR_TCP) return scopes;
  return `TCP connect and bind are refused by seccomp alone (from ABI 4, Linux 6.7, by Landlock too). ${scopes}`;
}
