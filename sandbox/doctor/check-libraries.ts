// The two libraries that postern loads at run time.
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';
import { installCommand } from './install-command.js';

/** The first version that knows every call of the filters that has no entry in call-numbers.ts: rseq and io_pgetevents came last. */
const LEAST_SECCOMP = [2, 4] as const;

export function checkLibseccomp({ libseccomp, distribution }: HostFacts): Check {
  const check = {
    name: 'libseccomp',
    needed: `libseccomp.so.2, version ${LEAST_SECCOMP.join('.')} or newer`,
  };
  const install = installCommand('libseccomp', distribution);
  if (!libseccomp.loads)
    return {
      ...check,
      state: 'missing',
      found: `libseccomp.so.2: ${libseccomp.why}`,
      fix: `Install it: ${install}`,
    };
  const [major = 0, minor = 0] = (libseccomp.version ?? '').split('.').map(Number);
  const good = major > LEAST_SECCOMP[0] || (major === LEAST_SECCOMP[0] && minor >= LEAST_SECCOMP[1]);
  return {
    ...check,
    state: good ? 'ok' : 'missing',
    found: `version ${libseccomp.version}`,
    fix: good
      ? undefined
      : `Install a newer one: ${install}, of a release that has ${LEAST_SECCOMP.join('.')}.`,
  };
}

export function checkLibcapNg({ libcapNg, distribution }: HostFacts): Check {
  const check = { name: 'libcap-ng', needed: 'libcap-ng.so.0' };
  if (libcapNg.loads) return { ...check, state: 'ok', found: 'libcap-ng.so.0 loads' };
  return {
    ...check,
    state: 'missing',
    found: `libcap-ng.so.0: ${libcapNg.why}`,
    fix: `Install it: ${installCommand('libcap-ng', distribution)}`,
  };
}
