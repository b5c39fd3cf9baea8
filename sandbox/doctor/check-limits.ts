// Descriptors per process: the broker's hard limit bounds how many connections it can make at the same time.
import { LIMIT_FORMS } from '../../shared/config/limit-forms.js';
import { BROKER_DESCRIPTORS } from '../../shared/limits.js';
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

const PLUGIN_DESCRIPTORS = LIMIT_FORMS.descriptors.default;

export function checkDescriptorLimit({ descriptorLimit, container }: HostFacts): Check {
  const check = {
    name: 'descriptors',
    found: `RLIMIT_NOFILE, hard: ${descriptorLimit}`,
    needed: `${PLUGIN_DESCRIPTORS}; ${BROKER_DESCRIPTORS} for a busy broker`,
  };
  if (descriptorLimit >= BROKER_DESCRIPTORS) return { ...check, state: 'ok' };
  const raise =
    container?.kind === 'systemd'
      ? `systemctl edit ${container.unit}, and there:\n  [Service]\n  LimitNOFILE=${BROKER_DESCRIPTORS}`
      : container?.kind === 'docker' || container?.kind === 'podman'
        ? `${container.kind} run --ulimit nofile=${BROKER_DESCRIPTORS}:${BROKER_DESCRIPTORS} …`
        : `as root, for the shell that starts postern: prlimit --pid $$ --nofile=${BROKER_DESCRIPTORS}:${BROKER_DESCRIPTORS}`;
  const what =
    descriptorLimit < PLUGIN_DESCRIPTORS
      ? `A plugin gets ${descriptorLimit}, not ${PLUGIN_DESCRIPTORS}.`
      : 'The broker can make fewer connections at the same time.';
  return { ...check, state: 'degraded', fix: `${what} Raise it; ${raise}` };
}
