// Keeps a broker that was spawned before the program that uses it had loaded (fork-early.ts has the order). There is one at most, for the first
// start of a broker. Only what comes later tells it anything.
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { awaitEnd } from '../../../shared/sys/pidfd.js';
import type { Privileges } from '../../host/privileges.js';
import { type ForkedBroker, forkBroker } from './fork-broker.js';
import { adoptUserNamespace } from './user-namespace.js';

let early: ForkedBroker | undefined;

/** Keeps a broker for {@link takeBroker}. This process may end without it, and then ends it: nothing is left when it has ended. */
export function keepEarly(broker: ForkedBroker | undefined): void {
  early = broker;
  if (broker === undefined) return;
  if (broker.userNamespace !== undefined) adoptUserNamespace(broker.userNamespace);
  broker.child.unref();
  process.once('exit', endEarly);
}

/** @returns the broker that is kept, if it is of this kind and runs; else a new one @throws SystemError where there is no descriptor for one; PosternError `launch_failed` */
export function takeBroker(as: Privileges): ForkedBroker {
  if (early === undefined || early.as !== as || !isRunning(early)) {
    abandonEarly();
    return forkBroker(as);
  }
  const taken = early;
  early = undefined;
  process.off('exit', endEarly);
  taken.child.ref();
  return taken;
}

function endEarly(): void {
  const pid = early?.child.pid;
  abandonEarly();
  if (pid !== undefined) awaitEnd(pid);
}

function abandonEarly(): void {
  if (early === undefined) return;
  const { child, packets, lines, words } = early;
  // Of a child that could not be spawned, Node would kill the process 0, which is this process's whole group.
  if (isRunning(early)) child.kill('SIGKILL');
  early = undefined;
  for (const descriptor of [packets, lines.from, lines.to, words]) new OwnedFd(descriptor).close();
}

function isRunning({ child }: ForkedBroker): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
