// Every group of the plugin's filters. Each one is left out alone.
import { argumentDenials } from '../../sandbox/launch/filter/argument-denials.js';
import { conditionalCalls } from '../../sandbox/launch/filter/conditional-calls.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { type Protection, refusedBy } from './protection.js';

/** Which test notices the loss of a group. A group without an entry fails the run. */
const TESTS: Readonly<Record<string, string | readonly [test: string, pattern: string]>> = {
  'seccomp.connect': 'escape/connect-again',
  'seccomp.bind': 'escape/bind-on-host',
  'seccomp.listen': 'escape/listen-on-host',
  'seccomp.io_uring': 'escape/io-uring',
  'seccomp.aio': 'escape/refused-calls',
  'seccomp.splice': 'escape/hold-pipe',
  'seccomp.openat2': 'escape/hold-pipe',
  'seccomp.clone3': 'escape/namespaces',
  'seccomp.setns': 'escape/namespaces',
  'seccomp.mounts': 'escape/namespaces',
  'seccomp.processes': 'escape/namespaces',
  'seccomp.keyrings': 'escape/namespaces',
  'seccomp.kernel_programs': 'escape/namespaces',
  'seccomp.facts': 'escape/namespaces',
  'seccomp.administration': 'escape/namespaces',
  'seccomp.fastopen': 'escape/fast-open',
  // With egress `transparent` the broker answers: see trap-protections.ts.
  'seccomp.error_queue': 'escape/sent-packets',
  'seccomp.error_reports': 'escape/socket-options',
  'seccomp.leases': ['escape/lease', 'gets no lease'],
  'seccomp.namespaces': 'escape/namespaces',
  'seccomp.clone_parent': 'escape/hold-pipe',
  'seccomp.set_uid_files': 'escape/hold-pipe',
  'seccomp.set_gid_modes': 'escape/set-gid',
  'seccomp.ioctl_interfaces': 'escape/interface-ioctls',
  'seccomp.ioctl_interface_reads': 'escape/interface-ioctls',
  'seccomp.received_options': 'escape/socket-options',
  'seccomp.peer_label': 'escape/socket-options',
  'seccomp.peer_handle': 'escape/socket-options',
  'seccomp.ioctl_terminal': 'escape/interface-ioctls',
  'seccomp.ioctl_console': ['escape/type-ahead', 'types nothing'],
  'seccomp.ioctl_file_systems': 'escape/file-system-requests',
  'seccomp.listener': 'escape/namespaces',
  'seccomp.families': 'escape/families',
  'seccomp.absent_protocols': 'escape/families',
  'seccomp.setsockopt': 'escape/socket-options',
  'seccomp.personality': 'escape/namespaces',
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
      pattern: typeof found === 'string' ? refusedBy('channel') : found[1],
      tests: [typeof found === 'string' ? found : found[0]],
    };
  });
}
