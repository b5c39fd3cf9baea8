// Runs all checks in the order of the output: first the ones that read the host, then the ones that judge the trial.

import { checkCgroup } from './check-cgroup.js';
import { checkComparingDescriptors, checkTakingDescriptors } from './check-descriptors.js';
import { checkDns } from './check-dns.js';
import { checkFeatures, checkSeccomp } from './check-features.js';
import { checkIdRange } from './check-id-range.js';
import { checkKernel } from './check-kernel.js';
import { checkLandlock } from './check-landlock.js';
import { checkLibcapNg, checkLibseccomp } from './check-libraries.js';
import { checkDescriptorLimit } from './check-limits.js';
import { checkArchitecture, checkNode } from './check-machine.js';
import { checkOwnCode } from './check-own-code.js';
import { checkProc } from './check-proc.js';
import { checkShell, checkUnshare } from './check-programs.js';
import type { Check } from './check-result.js';
import { checkConnection, checkOwnConnection, checkSandbox } from './check-trial.js';
import { checkUserNamespaces } from './check-user-namespaces.js';
import { checkYama } from './check-yama.js';
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
  const read = [
    checkKernel(facts),
    checkArchitecture(facts),
    checkNode(facts),
    checkUserNamespaces(facts),
    checkProc(facts),
    checkIdRange(facts),
    checkOwnCode(facts),
    checkUnshare(facts),
    checkShell(facts),
    checkLibseccomp(facts),
    checkLibcapNg(facts),
    checkSeccomp(facts),
    checkLandlock(facts),
    ...checkFeatures(facts),
    checkTakingDescriptors(facts),
    checkComparingDescriptors(facts),
    checkYama(facts),
    checkDns(facts),
    checkDescriptorLimit(facts),
    checkCgroup(facts),
  ];
  const others = read.some(({ state }) => state === 'missing');
  const checks = [
    ...read,
    checkSandbox(trial, facts, others),
    checkConnection(trial, facts),
    checkOwnConnection(trial, facts),
  ];
  const ok = checks.every(({ state }) => state !== 'missing');
  return { ok, checks, container: containerAdvice(checks, facts) };
}
