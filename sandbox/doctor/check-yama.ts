// Yama decides who may read a plugin's memory. Scopes 1 and 2 ask for CAP_SYS_PTRACE. The broker has it in the sandboxes' user
// namespaces, which it owns. Scope 3 permits nobody (yama_ptrace_access_check() in the kernel's yama_lsm.c).
import type { Check } from './check-result.js';
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
    fix: `No process can read another one: programs that connect by themselves cannot be served; those that use the channel can. The value holds until the next boot: set ${YAMA_SETTING} to 2 or less in /etc/sysctl.d and reboot.`,
  };
}
