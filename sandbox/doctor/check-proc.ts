// A /proc of the sandbox's own: it wants a whole one to be seen outside, and nothing that forbids mounts.

import { confiningProfile, containerMend, FILTER_SIGN, filterMend } from '../host/container-fix.js';
import { coveredProc } from '../host/covered-proc.js';
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';

export function checkProc(facts: HostFacts): Check {
  const check = { name: 'fresh /proc', needed: 'a user namespace can mount one' };
  const { freshProc, mountInfo } = facts;
  const covered = coveredProc(mountInfo);
  if (freshProc?.works === true) return { ...check, state: 'ok', found: 'mounted' };
  if (covered.length > 0) {
    return {
      ...check,
      state: 'lacking',
      found: `masked by mounts on ${covered.join(', ')}`,
      mend: containerMend(facts) ?? `Take the mounts away, as root:\n  umount ${covered.join(' ')}`,
    };
  }
  if (freshProc === undefined)
    return { ...check, state: 'ok', found: 'nothing is mounted over /proc (not tried: no user namespace)' };
  const profile = confiningProfile(facts);
  if (profile !== undefined) {
    return {
      ...check,
      state: 'lacking',
      found: `AppArmor profile ${profile}, and ${freshProc.words}`,
      mend:
        (facts.container?.kind === 'systemd' ? undefined : containerMend(facts)) ??
        'The profile forbids mounts: start postern outside of it.',
    };
  }
  const mend = filterMend(facts);
  if (mend !== undefined)
    return { ...check, state: 'lacking', found: `${FILTER_SIGN}, and ${freshProc.words}`, mend };
  return { ...check, state: 'lacking', found: freshProc.words };
}
