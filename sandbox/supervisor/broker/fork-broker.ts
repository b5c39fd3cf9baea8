// Spawns the process of a broker. It loads its code, and serves nobody before it gets its first line. All results are plain values, so that one
// program of postern can hand them to another one in the same process (early-broker.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { setCloseOnExecFrom } from '../../../shared/sys/fcntl.js';
import { withMostProcesses } from '../../../shared/sys/rlimit.js';
import { packetSocketPair, streamSocketPair } from '../../../shared/sys/socket.js';
import { BROKER_ENVIRONMENT, brokerCommand } from './broker-command.js';

/** A broker's process, and this process's ends of the sockets to it. */
export interface ForkedBroker {
  readonly child: ChildProcess;
  /** Resolves when the child runs, and never where it cannot be spawned. */
  readonly spawned: Promise<void>;
  readonly asRoot: boolean;
  /** A descriptor, of which the caller becomes the owner. */
  readonly packets: number;
  /** Another one. */
  readonly lines: number;
}

/** @param asRoot whether unshare(1) gives the broker its own mounts first @throws SystemError where there are no descriptors */
export function forkBroker(asRoot: boolean): ForkedBroker {
  // Of what this process's own starter left open, nothing is for the broker. Node marks its own descriptors itself.
  // protects: G16 the broker gets no descriptor of postern's starter
  setCloseOnExecFrom(3);
  const [ours, theirs] = packetSocketPair();
  const [ourLines, theirLines] = streamSocketPair();
  const [program, ...args] = brokerCommand(asRoot);
  const start = (): ChildProcess =>
    spawn(program, args, {
      cwd: '/',
      env: BROKER_ENVIRONMENT,
      // A separate process group: the terminal's signals are not for the broker.
      detached: true,
      // stderr is a pipe: Node would make a shared stream non-blocking, for the plugin too.
      stdio: ['ignore', 'ignore', 'pipe', theirLines.number, theirs.number],
    });
  // As root it has the uid that the processes of all sandboxes count for. It must still start threads where they are many.
  const child = asRoot ? withMostProcesses(start) : start();
  theirs.close();
  theirLines.close();
  // Without a listener the error would end this process. A user of the child sees it too: there is no pid.
  child.on('error', () => {});
  const spawned = new Promise<void>((resolve) => {
    child.once('spawn', resolve);
  });
  return { child, spawned, asRoot, packets: ours.release(), lines: ourLines.release() };
}
