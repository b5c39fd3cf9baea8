// The calls by which the broker replaces a program's socket by a connected one. The filters of containers refuse them.
import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export function checkTakingDescriptors(facts: HostFacts): Check {
  const check = { name: 'pidfd_getfd(2)', needed: 'for programs that connect by themselves' };
  if (facts.kernel.takesDescriptors) return { ...check, state: 'ok', found: 'available' };
  const fix = filterFix(facts);
  return { ...check, state: 'missing', found: refused(fix), fix };
}

/**
 * Without kcmp(2) the broker compares inodes (descriptor-table.ts). But before PIDFD_THREAD no other call tells whether a thread has its process's
 * descriptors, so a thread that connects gets an error (caller-processes.ts).
 */
export function checkComparingDescriptors(facts: HostFacts): Check {
  const check = { name: 'kcmp(2)', needed: 'for programs that connect in a thread, before Linux 6.9' };
  if (facts.kernel.comparesDescriptors) return { ...check, state: 'ok', found: 'available' };
  const byFilter = filterFix(facts);
  const found = refused(byFilter);
  if (facts.kernel.threadPidfd) {
    const slower =
      'Nothing is lost: a connect of a program takes longer. The broker compares inodes instead.';
    return { ...check, state: 'degraded', found, fix: slower };
  }
  return {
    ...check,
    state: 'missing',
    found,
    fix: byFilter ?? 'A connect in another thread than the first gets an error. Boot Linux 6.9 or newer.',
  };
}

/** @param fix for an inherited filter */
function refused(fix: string | undefined): string {
  return fix === undefined ? 'refused' : `${FILTER_SIGN}, and it is refused`;
}
