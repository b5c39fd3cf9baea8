// A trapped chmod(2), fchmod(2), fchmodat(2) or fchmodat2(2) with S_ISGID. A folder may have that bit, and no other file: a program with it runs
// with another group. The kernel does not execute the call as the plugin wrote it: between a look at the file and the call, another
// thread could exchange it. The broker's cage forbids chmod(2), so a thread of the supervisor makes the call. Runs in the broker.
import { constants } from 'node:os';
import type { ModeCall } from '../../shared/reasons.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { copyPath } from '../caller/copy-path.js';
import { processInside } from '../caller/process-inside.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { findFolder } from './find-folder.js';
import { type ModeRequest, readModeCall } from './read-mode-call.js';
import { refuseFull } from './refuse-full.js';
import type { TrapContext } from './trap-context.js';

const { EINVAL, EPERM } = constants.errno;
const SLASH = 0x2f;

/** What a call is about: its path, and a duplicate of its descriptor, or minus errno of either. */
interface Named {
  readonly path: Uint8Array | number | undefined;
  readonly descriptor: OwnedFd | number | undefined;
}

/** Ends the call, now or when the supervisor has made it. */
export function changeMode(context: TrapContext, call: TrappedCall, name: ModeCall): void {
  const {
    services: { guard },
    plugin: { stall, descriptors },
    processes,
  } = context;
  const request = readModeCall(name, call.notification);
  if (typeof request === 'number') {
    endWith(call, request, 'error');
    return;
  }
  if (stall.slow) {
    if (descriptors.hasRoom(1)) void reachApart(context, call, request);
    else refuseFull(context, call, undefined);
    return;
  }
  guard.watch(stall, () => {
    const path = request.path === undefined ? undefined : copyPath(call.tid, request.path);
    const descriptor = needsDescriptor(request, path) ? processes.take(call.tid, call.descriptor) : undefined;
    order(context, call, request, { path, descriptor });
  });
}

/** Waits for the plugin's locks on the slow lane. */
async function reachApart(context: TrapContext, call: TrappedCall, request: ModeRequest): Promise<void> {
  const {
    services: { guard, slowLane },
    plugin: { stall },
  } = context;
  const named: { path: Named['path']; descriptor: Named['descriptor'] } = {
    path: undefined,
    descriptor: undefined,
  };
  try {
    if (request.path !== undefined) named.path = await slowLane.copyPath(stall, call, request.path);
    if (needsDescriptor(request, named.path))
      named.descriptor = (await slowLane.reach(stall, call)).descriptor;
  } catch {
    // Without a descriptor for the alarm nothing could end a step that waits.
    refuseFull(context, call, undefined);
    return;
  }
  guard.watch(stall, () => order(context, call, request, named));
}

/** The kernel looks at the path first. */
function needsDescriptor({ descriptor, mayBeEmpty }: ModeRequest, path: Named['path']): boolean {
  if (descriptor === undefined || typeof path === 'number') return false;
  return path === undefined || (path.length === 0 ? mayBeEmpty : path[0] !== SLASH);
}

function order(
  { plugin, setFolderMode }: TrapContext,
  call: TrappedCall,
  request: ModeRequest,
  { path, descriptor }: Named,
): void {
  const { mode, keepsLink } = request;
  if (descriptor instanceof OwnedFd) plugin.descriptors.hold(descriptor);
  const place =
    typeof path === 'number'
      ? path
      : typeof descriptor === 'number'
        ? descriptor
        : findFolder(call.tid, descriptor?.number, path, request);
  if (descriptor instanceof OwnedFd) descriptor.close();
  const self = processInside(call.tid);
  // If the call still waits now, everything so far was the caller's own, and not that of a later thread with the same id.
  if (!call.stillWaits()) call.end(-EINVAL, 'error');
  else if (typeof place === 'number') endWith(call, place, 'error');
  else setFolderMode({ ...place, self, mode, keepsLink }, (result) => endWith(call, result, 'own'));
}

function endWith(call: TrappedCall, result: number, answer: 'own' | 'error'): void {
  call.end(result, result === -EPERM ? 'refused' : answer);
}
