// The launcher. It runs inside the fresh namespaces, with every capability there and none outside. It does the steps of a launch in
// order, with blocking calls, and becomes the plugin. It trusts the supervisor, which sends the spec over the launch socket.
// It imports everything before the root changes: afterwards it cannot reach its own files.
import '../../shared/refuse-debugger.js';
import { openSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { dropAllCapabilities } from '../../shared/sys/capabilities.js';
import { duplicateOnto } from '../../shared/sys/fcntl.js';
import { succeed } from '../../shared/sys/libc.js';
import { receiveMessage, sendMessage } from '../../shared/sys/message.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  becomeIds,
  clearDomainName,
  exitAtOnce,
  leadGroup,
  leadSession,
  resetSignals,
  setHostname,
  setNoNewPrivileges,
} from '../../shared/sys/process-control.js';
import { openUnixDiag } from '../../shared/sys/sandbox-listeners.js';
import { buildRoot, enterRoot, lockRoot, takeTrees } from './build-root.js';
import { enterLandlock } from './enter-landlock.js';
import { execCommand } from './exec-command.js';
import {
  arrangeDescriptors,
  forbidUserNamespaces,
  isolateNetwork,
  keepJobControl,
  mapOwnIds,
  openGateway,
  openNameService,
  openNamespaceLimit,
  openTerminal,
  receiveSpec,
  setLastLimits,
  setLimits,
} from './launch-steps.js';
import { loadFilter } from './load-filter.js';
import {
  CODE_FD,
  GO_WORD,
  LAUNCH_FIXES,
  LAUNCH_SOCKET_FD,
  type LaunchFailure,
  type LaunchStep,
  MOST_MESSAGE,
  PREPARED_WORD,
} from './spec.js';

let step: LaunchStep = 'spec';
let socket: number = LAUNCH_SOCKET_FD;

try {
  launch();
} catch (error) {
  report(error);
  // Node's own way out runs the event loop once more. From Node 22 on that loop has an io_uring, which the filter refuses by now.
  exitAtOnce(125);
}

function launch(): void {
  const { spec, passed, trees } = receiveSpec(socket);
  step = 'ids';
  if (spec.mapIds !== undefined) mapOwnIds(spec.mapIds);
  step = 'root';
  const sources = takeTrees(spec, trees);
  step = 'ids';
  if (spec.becomeIds !== undefined)
    // protects: G15 launch: as root, ids of its own (fails closed) (as root)
    becomeIds(spec.becomeIds.uid, spec.becomeIds.gid);
  step = 'hostname';
  setHostname(spec.hostname);
  // protects: G17 the host's NIS domain is taken away
  clearDomainName();
  step = 'network';
  isolateNetwork();
  const inNetwork = spec.egress === 'transparent' ? [...openNameService(), openUnixDiag()] : [];
  const gateway = spec.egress === 'transparent' ? openGateway(spec.gateway) : [];
  step = 'root';
  const namespaces = openNamespaceLimit(buildRoot(spec, sources));
  enterRoot();
  // A broker cannot look into this process until it becomes the plugin (closed-programs.ts). The number of the folder stays taken: it may be one that the
  // plugin expects, and what was opened at it would be lost.
  const empty = new OwnedFd(openSync('/dev/null', 'r'));
  duplicateOnto(empty.number, CODE_FD);
  empty.close();
  lockRoot();
  forbidUserNamespaces(namespaces);
  const root = openFolder('/');
  process.chdir(spec.cwd);
  step = 'descriptors';
  leaveGroup(spec.terminal !== undefined);
  const terminal = spec.terminal === undefined ? undefined : openTerminal(spec.terminal);
  const streams = passed.map((stream, at) =>
    terminal !== undefined && spec.terminal?.streams.includes(at) === true ? terminal.slave : stream,
  );
  const documented = 3 + spec.listeners + 2;
  socket = arrangeDescriptors(socket, streams, documented);
  step = 'limits';
  setLimits(spec.limits);
  step = 'capabilities';
  // test point: capabilities
  // protects: G15 launch: every capability is dropped
  dropAllCapabilities();
  setNoNewPrivileges();
  step = 'landlock';
  // test point: landlock
  enterLandlock(spec);
  step = 'command';
  const command = execCommand(spec);
  step = 'seccomp';
  const notifyFd = /* test point: seccomp => undefined */ loadFilter(spec.filter);
  step = 'command';
  const trap = notifyFd === undefined ? [] : [notifyFd, ...inNetwork, root, ...gateway];
  const ends = terminal === undefined ? [] : [terminal.master, terminal.slave];
  const descriptors = [...trap, ...ends].map(({ number }) => number);
  succeed(sendMessage(socket, new TextEncoder().encode(PREPARED_WORD), descriptors, true), 'sendmsg');
  awaitGo();
  if (terminal !== undefined) keepJobControl(documented);
  setLastLimits(spec.limits);
  resetSignals(spec.ignoredSignals);
  command.run();
}

/**
 * The start has a session apart from the user's (spawn-namespaces.ts), so /dev/tty is not the user's terminal. In a group of the plugin's own,
 * no signal or priority reaches the user's process groups.
 *
 * A terminal takes a leader. Without one, the plugin leads no session: else the next terminal that it opens would become its controlling
 * terminal, and end it by SIGHUP.
 */
function leaveGroup(withTerminal: boolean): void {
  if (/* protects: G18 a plugin without a terminal leads no session => true */ withTerminal)
    // protects: G18 a plugin with a terminal leads its own group
    leadSession();
  // protects: G18 a plugin without a terminal leads its own group
  else leadGroup();
}

/**
 * The supervisor answers when the plugin's rules are in force. The launcher needs more memory than many plugins, so it joins the control
 * group only then, too.
 */
function awaitGo(): void {
  const message = receiveMessage(socket, undefined, true);
  const word = typeof message === 'number' ? '' : new TextDecoder().decode(message.payload);
  if (word !== GO_WORD)
    throw new PosternError('launch_failed', 'The supervisor did not let the launcher go on');
}

function report(error: unknown): void {
  const known = error instanceof PosternError ? error : undefined;
  const failure: LaunchFailure = {
    step,
    code: known?.code ?? 'failed',
    message: (error instanceof Error ? error.message : String(error)).slice(0, MOST_MESSAGE),
    fix: LAUNCH_FIXES.find((fix) => fix === known?.fix),
    exitStatus: known?.exitStatus ?? 125,
  };
  sendMessage(socket, new TextEncoder().encode(JSON.stringify(failure)), [], true);
}
