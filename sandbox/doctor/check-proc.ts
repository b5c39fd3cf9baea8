// A sandbox gets a fresh /proc. The kernel permits it only where postern sees a whole /proc, and where nothing forbids mounts.

import {
  confiningProfile,
  containerFix,
  coveredProc,
  FILTER_SIGN,
  filterFix,
} from '../host/container-fix.js';
import { shellWord } from '../host/shell-word.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export function checkProc(facts: HostFacts): Check {
  const check = { name: 'fresh /proc', needed: 'a user namespace can mount one' };
  const { freshProc, mountInfo } = facts;
  const covered = coveredProc(mountInfo);
  if (freshProc?.works === true) return { ...check, state: 'ok', found: 'mounted' };
  if (covered.length > 0) {
    return {
      ...check,
      state: 'missing',
      found: `masked by mounts on ${covered.join(', ')}`,
      fix: containerFix(facts) ?? `Remove the mounts, as root:\n  umount ${covered.map(shellWord).join(' ')}`,
    };
  }
  if (freshProc === undefined)
    return { ...check, state: 'ok', found: 'nothing is mounted over /proc (not tried: no user namespace)' };
  const profile = confiningProfile(facts);
  if (profile !== undefined) {
    return {
      ...check,
      state: 'missing',
      found: `AppArmor profile ${profile}, and ${freshProc.words}`,
      fix:
        (facts.container?.kind === 'systemd' ? undefined : containerFix(facts)) ??
        'The profile forbids mounts: start postern outside of it.',
    };
  }
  const fix = filterFix(facts);
  if (fix !== undefined)
    return { ...check, state: 'missing', found: `${FILTER_SIGN}, and ${freshProc.words}`, fix };
  return { ...check, state: 'missing', found: freshProc.words };
}
