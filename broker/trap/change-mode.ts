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
    plugin: { stall },
    processes,
  } = context;
  const request = readModeCall(name, call.notification);
  if (typeof request === 'number') {
    endWith(call, request, 'error');
    return;
  }
  if (stall.slow) {
    void reachApart(context, call, request);
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
    plugin: { stall, descriptors },
  } = context;
  const path = request.path === undefined ? undefined : await slowLane.copyPath(stall, call, request.path);
  let descriptor: OwnedFd | number | undefined;
  if (needsDescriptor(request, path)) {
    if (!descriptors.hasRoom(1)) {
      refuseFull(context, call, undefined);
      return;
    }
    descriptor = (await slowLane.reach(stall, call)).descriptor;
  }
  guard.watch(stall, () => order(context, call, request, { path, descriptor }));
}

function needsDescriptor({ descriptor }: ModeRequest, path: Named['path']): boolean {
  return descriptor !== undefined && typeof path !== 'number' && path?.[0] !== SLASH;
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
