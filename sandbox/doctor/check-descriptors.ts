// The calls by which the broker replaces a program's socket by a connected one. The filters of containers refuse them.
import type { KernelFeatures } from '../../shared/sys/kernel-features.js';
import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';

export function checkTakingDescriptors(facts: HostFacts): Check {
  return judge(facts, 'pidfd_getfd(2)', 'takesDescriptors', 'programs that connect by themselves');
}

export function checkComparingDescriptors(facts: HostFacts): Check {
  return judge(
    facts,
    'kcmp(2)',
    'comparesDescriptors',
    'programs that connect one of several copies of a socket',
  );
}

function judge(facts: HostFacts, name: string, key: keyof KernelFeatures, whom: string): Check {
  const check = { name, needed: `for ${whom}` };
  if (facts.kernel[key]) return { ...check, state: 'ok', found: 'available' };
  const fix = filterFix(facts);
  const found = fix === undefined ? 'refused' : `${FILTER_SIGN}, and it is refused`;
  return { ...check, state: 'missing', found, fix };
}
