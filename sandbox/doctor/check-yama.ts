// Yama: who may read a plugin's memory. The broker owns the sandboxes' user namespaces, and so has CAP_SYS_PTRACE there,
// which scopes 1 and 2 ask for; scope 3 lets nobody (yama_ptrace_access_check() of the kernel's yama_lsm.c).
import type { Check } from './check.js';
import type { HostFacts } from './host-facts.js';

export const YAMA_SETTING = 'kernel.yama.ptrace_scope';

export function checkYama({ settings }: HostFacts): Check {
  const scope = settings[YAMA_SETTING];
  const check = { name: 'Yama', needed: `${YAMA_SETTING} up to 2` };
  if (scope === undefined) return { ...check, state: 'ok', found: 'not in this kernel' };
  if (scope !== '3') return { ...check, state: 'ok', found: `${YAMA_SETTING} = ${scope}` };
  return {
    ...check,
    state: 'degraded',
    found: `${YAMA_SETTING} = ${scope}`,
    fix: `Nobody can read another process: programs that connect by themselves cannot be served, those that use the channel can. The value holds until the next boot: set ${YAMA_SETTING} to 2 or less in /etc/sysctl.d and reboot.`,
  };
}
