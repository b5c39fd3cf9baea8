// The shell script that unshare(1) executes. It forks the sandbox's init and the launcher, and ends. The supervisor is their
// subreaper and becomes their parent: no helper process outlives the start.
import { nodeFlags } from '../../../shared/node-flags.js';
import type { OwnCode } from '../../host/own-code.js';

/**
 * The first process that is forked after unshare(CLONE_NEWPID) is pid 1. `$1` and `$2` are modules in the folder, and the
 * further arguments are Node's options.
 * Links are not resolved: the sandbox's ids may not enter the path of the folder, but they can use /proc/self/fd/5.
 */
// SIGUSR1 is ignored until Node blocks it.
// Descriptors: 3 launch socket, 4 Node, 5 folder of postern's code, 6 init's socket; from 7 on /dev/null, to keep the numbers.
const SCRIPT = `
init=$1 launcher=$2
shift 2
trap '' USR1
run() { exec /proc/self/fd/4 "$@" --preserve-symlinks --preserve-symlinks-main "/proc/self/fd/5/$program" </dev/null; }
program=$init run "$@" 3<&6 6<&- &
program=$launcher run "$@" 6</dev/null &
`;

/** The arguments of unshare(1). */
export function namespacesArguments(code: OwnCode): readonly string[] {
  return [
    ...[
      /* protects: G15 launch: a namespace of users of its own (fails closed) */ '--user',
      /* protects: G1 launch: a namespace of networks of its own (fails closed) */ '--net',
      /* protects: G17 launch: a namespace of processes of its own (fails closed) */ '--pid',
      /* protects: G15 launch: a namespace of mounts of its own (fails closed) */ '--mount',
      /* protects: G17 launch: a namespace of IPC of its own (fails closed) */ '--ipc',
      /* protects: G17 launch: a namespace of host names of its own (fails closed) */ '--uts',
      /* protects: G17 launch: a namespace of control groups of its own */ '--cgroup',
      '--keep-caps',
      '--',
    ],
    ...['/bin/sh', '-c', SCRIPT, 'postern', code.init, code.launcher, ...nodeFlags()],
  ];
}
