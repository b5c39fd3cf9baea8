// The two libraries that postern loads at run time.
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';
import { installCommand } from './install-command.js';

export function checkLibseccomp({ libseccomp, distribution }: HostFacts): Check {
  const check = { name: 'libseccomp', needed: 'libseccomp.so.2' };
  if (libseccomp.loads) return { ...check, state: 'ok', found: `version ${libseccomp.version}` };
  return {
    ...check,
    state: 'missing',
    found: `libseccomp.so.2: ${libseccomp.why}`,
    fix: `Install it: ${installCommand('libseccomp', distribution)}`,
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
