// Every group of the plugin's filters, each left out alone.
import { argumentDenials } from '../../sandbox/launch/filter/argument-denials.js';
import { conditionalCalls } from '../../sandbox/launch/filter/conditional-calls.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import type { Protection } from './protection.js';

const REFUSED = 'refused, and nothing is heard';
const channel = { pattern: `${REFUSED} .channel` };
const both = { pattern: REFUSED };

/** Which test notices the loss of a group. A group without an entry fails the run. */
const TESTS: Readonly<Record<string, { readonly tests: readonly string[]; readonly pattern: string }>> = {
  'seccomp.connect': { tests: ['escape/connect-again'], ...channel },
  'seccomp.bind': { tests: ['escape/bind-on-host'], ...channel },
  'seccomp.listen': { tests: ['escape/listen-on-host'], ...channel },
  'seccomp.io_uring': { tests: ['escape/io-uring'], ...both },
  'seccomp.splice': { tests: ['escape/hold-pipe'], ...both },
  'seccomp.openat2': { tests: ['escape/hold-pipe'], ...both },
  'seccomp.clone3': { tests: ['escape/namespaces'], ...both },
  'seccomp.setns': { tests: ['escape/namespaces'], ...both },
  'seccomp.mounts': { tests: ['escape/namespaces'], ...both },
  'seccomp.processes': { tests: ['escape/namespaces'], ...both },
  'seccomp.keyrings': { tests: ['escape/namespaces'], ...both },
  'seccomp.kernel_programs': { tests: ['escape/namespaces'], ...both },
  'seccomp.administration': { tests: ['escape/namespaces'], ...both },
  'seccomp.fastopen': { tests: ['escape/fast-open'], ...both },
  'seccomp.error_queue': { tests: ['escape/every-socket'], ...both },
  'seccomp.leases': { tests: ['escape/lease'], pattern: 'gets no lease' },
  'seccomp.namespaces': { tests: ['escape/namespaces'], ...both },
  'seccomp.clone_parent': { tests: ['escape/hold-pipe'], ...both },
  'seccomp.set_uid_files': { tests: ['escape/hold-pipe'], ...both },
  'seccomp.ioctl_interfaces': { tests: ['escape/interface-ioctls'], ...both },
  'seccomp.received_options': { tests: ['escape/socket-options'], ...both },
  'seccomp.ioctl_terminal': { tests: ['escape/interface-ioctls'], ...both },
  'seccomp.ioctl_console': { tests: ['escape/type-ahead'], pattern: 'types nothing' },
  'seccomp.listener': { tests: ['escape/namespaces'], ...both },
  'seccomp.families': { tests: ['escape/families'], ...both },
  'seccomp.setsockopt': { tests: ['escape/socket-options'], ...both },
  'seccomp.personality': { tests: ['escape/namespaces'], ...both },
};

export function filterProtections(): readonly Protection[] {
  return [...refusedCalls, ...argumentDenials, ...conditionalCalls].map(({ name, why }) => {
    const found = TESTS[name];
    if (found === undefined) throw new Error(`No test is named for ${name}`);
    return {
      name: `${name}: ${why}`,
      file: 'sandbox/launch/filters',
      right: 'const kept = (group) => ',
      wrong: `const kept = (group) => group.name !== '${name}' && `,
      ...found,
    };
  });
}
