// Launches a sandbox, step by step, within a deadline, and says why where a step fails. Runs in the supervisor.

import { writeFileSync } from 'node:fs';
import { BoundedMap } from '../../../shared/bounded-map.js';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import {
  count,
  fields,
  NONE,
  parsed,
  refined,
  type Shape,
  text,
  word,
} from '../../../shared/protocol/shape.js';
import { createSealedFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { openPidfd } from '../../../shared/sys/pidfd.js';
import { leaveMemoryProtection } from '../../../shared/sys/process-control.js';
import type { TerminalPair } from '../../../shared/sys/terminal.js';
import { namespacesFailure, refusalFix } from '../../host/namespaces-failure.js';
import { shortageIn } from '../../host/shortage.js';
import { buildFilter, buildInitFilter, type FilterChoice, type ProcessFilter } from '../../launch/filters.js';
import {
  GO_WORD,
  hasTrap,
  INIT_WORDS,
  type InitSpec,
  JOB_CONTROL_PROCESSES,
  LAUNCH_FIXES,
  LAUNCH_STEPS,
  type LaunchFailure,
  type LaunchSpec,
  type LaunchStep,
  MOST_MESSAGE,
  NOTICE_PROCESSES,
  PREPARED_WORD,
  type SpecHeader,
  TERMINAL_DESCRIPTORS,
  TRAP_DESCRIPTORS,
} from '../../launch/spec.js';
import type { StartedCgroup } from '../cgroup/sandbox-cgroup.js';
import type { NoticeInbox } from './notice-inbox.js';
import { endSandbox, Sandbox } from './sandbox.js';
import { type LaunchInbox, type RangedIds, spawnNamespaces } from './spawn-namespaces.js';

/** From the first process of a sandbox to the execve of its program. Node starts slowly on a slow or busy machine. */
export const LAUNCH_TIMEOUT_MS = 60_000;
/** Of a gateway in the group of its plugin, with its threads, and of its start. The plugin leaves them to it: RLIMIT_NPROC bounds its own. */
const GATEWAY_PROCESSES = 64;

// Starts one sandbox: has the namespaces made, writes the id maps, sends the launch spec and waits for execve.

/** A pipe for what a plugin says by its notify socket. */
export interface Notices {
  /** Its writing end. The caller closes its own copy. */
  readonly pipe: OwnedFd;
  /** Owned by the sandbox, once there is one. */
  readonly inbox: NoticeInbox;
}

/** Its filter is compiled while the launcher loads. */
export type PlannedSpec = Omit<LaunchSpec, 'filter'>;

interface LaunchRequest {
  readonly spec: PlannedSpec;
  readonly choice: FilterChoice;
  /** Standard streams, listeners, request pipe, reply socket. The caller closes its own copies. */
  readonly passed: readonly OwnedFd[];
  /** Detached mounts, which the entries of the spec name by index. */
  readonly trees: readonly OwnedFd[];
  /** The program begins when it resolves. */
  readonly serving: Promise<void>;
  /** Likewise. Takes the listeners of its gateway, in the order of the spec. Missing: there are none. */
  readonly serveGateway?: ((listeners: readonly OwnedFd[]) => Promise<void>) | undefined;
  /** Undefined: the plugin has no notify socket. */
  readonly notices?: Notices | undefined;
  /** Only where a limit needs one. */
  readonly cgroup?: StartedCgroup | undefined;
  /** As root; undefined for a user. */
  readonly ranged?: RangedIds | undefined;
}

export interface LaunchedSandbox {
  readonly sandbox: Sandbox;
  /** Where egress is transparent: notifyFd, and the sockets of the sandbox's DNS, owned by the caller. */
  readonly trap: readonly OwnedFd[];
  /** The plugin's notify socket, if it has one, owned by the caller. */
  readonly noticeSocket?: OwnedFd | undefined;
  /** The plugin's terminal, if it has one, owned by the caller. */
  readonly terminal?: TerminalPair;
}

/**
 * @returns the sandbox, when its program runs
 * @throws PosternError `launch_failed` with step, fix and exit status in its fields; nothing is left running
 */
export async function launchSandbox(request: LaunchRequest): Promise<LaunchedSandbox> {
  const deadline = launchDeadline();
  const script = spawnNamespaces(request.ranged, request.spec.listeners);
  const { ended, words, session, launcherInbox, initInbox, programs } = script;
  let launcher: OwnedFd | undefined;
  let init: OwnedFd | undefined;
  let noticeSocket: OwnedFd | undefined;
  try {
    const [filter, ofInit] = [filterOf(request.choice), filterOfInit()];
    await deadline.race(ended);
    const initPid = await deadline.race(hello(initInbox, session));
    init = openPidfd(initPid);
    const pid = await deadline.race(hello(launcherInbox, session));
    launcher = openPidfd(pid);
    request.cgroup?.add(initPid);
    mapIds(pid, request);
    // As root, what a process that is closed has in /proc is not its own.
    // protects: G11 launch: init gives that protection up
    leaveMemoryProtection(`/proc/${initPid}/oom_score_adj`);
    // protects: G15 launch: the launcher, which becomes the plugin, gives that protection up
    leaveMemoryProtection(`/proc/${pid}/oom_score_adj`);
    noticeSocket = await deadline.race(settleInit(initInbox, { filter: ofInit, programs }, request));
    sendSpec(launcherInbox, { ...request.spec, filter }, request);
    const sent = await deadline.race(preparation(launcherInbox, request.spec));
    deadline.cancel();
    await begin(sent, pid, launcherInbox, request);
    const trap = sent.slice(0, trapDescriptors(request.spec));
    const [master, slave] = sent.slice(trap.length + gatewayDescriptors(request.spec));
    const sandbox = new Sandbox(pid, launcher, init, request.notices?.inbox, initPid);
    return { sandbox, trap, noticeSocket, ...(master && slave && { terminal: { master, slave } }) };
  } catch (error) {
    noticeSocket?.close();
    await Promise.all([endSandbox(launcher, init), script.end()]);
    throw shortStart(words(), error) ?? error;
  } finally {
    deadline.cancel();
    launcherInbox.close();
    initInbox.close();
  }
}

/** @param sent closed if this fails */
async function begin(
  sent: readonly OwnedFd[],
  pid: number,
  inbox: LaunchInbox,
  request: LaunchRequest,
): Promise<void> {
  let deadline: Deadline | undefined;
  try {
    // protects: G7 a program begins when its rules are in force, and not before
    await request.serving;
    const listeners = sent.slice(trapDescriptors(request.spec)).slice(0, gatewayDescriptors(request.spec));
    // Until then clients would wait in the queues, and for good if it does not start.
    await request.serveGateway?.(listeners);
    deadline = launchDeadline();
    takeIn(pid, request);
    inbox.send(GO_WORD);
    await deadline.race(execution(inbox));
  } catch (error) {
    for (const descriptor of sent) descriptor.close();
    throw error;
  } finally {
    deadline?.cancel();
  }
}

/** @param late the rejection of the step that is under way after LAUNCH_TIMEOUT_MS */
export function launchDeadline(
  late: PosternError = launchFailed('namespaces', `No answer within ${LAUNCH_TIMEOUT_MS / 1000} s`),
): Deadline {
  return new Deadline(LAUNCH_TIMEOUT_MS, late);
}

/** @returns the sender's pid on the host */
async function hello(inbox: LaunchInbox, session: number): Promise<number> {
  const pid = await inbox.hello(session);
  if (pid === undefined) throw launchFailed('namespaces', 'A process of the sandbox ended');
  return pid;
}

/** As a user the launcher does so. */
function mapIds(pid: number, { ranged }: LaunchRequest): void {
  if (ranged === undefined) return;
  for (const map of ['uid_map', 'gid_map'])
    writeFileSync(`/proc/${pid}/${map}`, `0 ${ranged.base} ${ranged.size}\n`);
}

/** @returns the plugin's notify socket, if it has one, owned by the caller */
async function settleInit(
  inbox: LaunchInbox,
  spec: InitSpec,
  { notices }: LaunchRequest,
): Promise<OwnedFd | undefined> {
  inbox.send(INIT_WORDS.adopted);
  if ((await inbox.word()) === INIT_WORDS.tied) {
    inbox.send(INIT_WORDS.stay, notices === undefined ? [] : [notices.pipe.number]);
    inbox.send(JSON.stringify(spec));
    const { payload, descriptors } = await inbox.next();
    const [noticeSocket, ...more] = descriptors;
    if (
      textOf(payload) === INIT_WORDS.ready &&
      more.length === 0 &&
      (notices === undefined) === (noticeSocket === undefined) &&
      // No id may be mapped before: its last program is closed to the broker, too.
      (await inbox.word()) === ''
    )
      return noticeSocket;
    for (const descriptor of descriptors) descriptor.close();
  }
  throw launchFailed('namespaces', 'The init of the sandbox ended');
}

function sendSpec(inbox: LaunchInbox, spec: LaunchSpec, { passed, trees }: LaunchRequest): void {
  // A broker whose uid owns the sandbox's user namespace can take the launcher's end of the socket (pidfd_getfd(2)), and with it what is sent there.
  using file = createSealedFile('spec', Buffer.from(JSON.stringify(spec)));
  const header: SpecHeader = { passed: passed.length };
  const descriptors = [file, ...passed, ...trees].map((descriptor) => descriptor.number);
  if (!inbox.send(JSON.stringify(header), descriptors))
    throw launchFailed('spec', 'The launcher ended before its spec arrived');
}

/** From here on the group's limits apply to the launcher, as to init. */
function takeIn(pid: number, { cgroup, spec }: LaunchRequest): void {
  if (cgroup === undefined) return;
  cgroup.limit(
    (spec.terminal === undefined ? 0 : JOB_CONTROL_PROCESSES) +
      (spec.hasNotices ? NOTICE_PROCESSES : 0) +
      (spec.gateway.length === 0 ? 0 : GATEWAY_PROCESSES),
  );
  cgroup.add(pid);
}

/** @returns what the launcher sends when it has only execve left to do, owned by the caller */
async function preparation(inbox: LaunchInbox, spec: PlannedSpec): Promise<readonly OwnedFd[]> {
  const { payload, descriptors, truncated } = await inbox.next();
  try {
    if (textOf(payload) !== PREPARED_WORD) throw failureIn(textOf(payload));
    // recvmsg(2) drops the descriptors for which this process has no room, and says so by MSG_CTRUNC.
    if (truncated) throw launchFailed('seccomp', 'recvmsg: EMFILE', undefined, 'EMFILE');
    if (descriptors.length !== trapDescriptors(spec) + gatewayDescriptors(spec) + terminalDescriptors(spec))
      throw launchFailed('seccomp', `The launcher sent ${descriptors.length} descriptors`);
    return descriptors;
  } catch (error) {
    for (const descriptor of descriptors) descriptor.close();
    throw error;
  }
}

/** Resolves when the launcher has become the plugin. */
async function execution(inbox: LaunchInbox): Promise<void> {
  const word = await inbox.word();
  if (word !== '') throw failureIn(word);
}

/**
 * A broker that was taken over can give the launch socket to the plugin, which has the launcher's pid. So what the launcher says is read by its shape.
 *
 * @returns the error for a message in the place of a word
 */
export function failureIn(said: string): PosternError {
  if (said === '') return launchFailed('command', 'The launcher ended without a message');
  const failure = parsed(said, LAUNCH_FAILURE);
  if (failure !== NONE) return errorOf(failure);
  const fix = 'the broker may have been taken over: start postern anew';
  return launchFailed('command', 'What came on the launch socket is no message of a launcher', fix);
}

const LAUNCH_FAILURE: Shape<LaunchFailure> = fields({
  step: word(LAUNCH_STEPS),
  code: refined(text(64), (code) =>
    /* protects: G13 launch: the code of a failure is a word => true */ /^[\w ]+$/.test(code) ? code : NONE,
  ),
  message: refined(
    /* protects: G13 launch: the message of a failure has a bound => text() */ text(MOST_MESSAGE),
    /* protects: G13 launch: the message of a failure is one line => (message) => message */ printable,
  ),
  fix: (fix) =>
    fix === undefined
      ? fix
      : /* protects: G13 launch: nobody but postern gives the fix of a failure => text()(fix) */ word(
          LAUNCH_FIXES,
        )(fix),
  exitStatus: refined(count(127), (status) => (status >= 125 ? status : NONE)),
});

function textOf(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

function trapDescriptors(spec: PlannedSpec): number {
  return hasTrap(spec) ? TRAP_DESCRIPTORS : 0;
}

function gatewayDescriptors(spec: PlannedSpec): number {
  return hasTrap(spec) ? spec.gateway.length : 0;
}

function terminalDescriptors({ terminal }: PlannedSpec): number {
  return terminal === undefined ? 0 : TERMINAL_DESCRIPTORS;
}

// A time limit for several steps in a row.

/** A stop of this process (Ctrl-Z, SIGSTOP) counts no longer than this. */
const STEP_MS = 500;

class Deadline {
  readonly #expired: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  /** @param error the rejection of the step that is under way when the time has passed */
  constructor(milliseconds: number, error: Error) {
    let expire: (error: Error) => void = () => {};
    this.#expired = new Promise((_, reject) => {
      expire = reject;
    });
    this.#expired.catch(() => {});
    let left = milliseconds;
    this.#timer = setInterval(() => {
      left -= STEP_MS;
      if (left <= 0) expire(error);
    }, STEP_MS);
  }

  race<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#expired]);
  }

  cancel(): void {
    clearInterval(this.#timer);
  }
}

// The compiled filters of plugins and inits. To compile one takes longer than to load it, and plugins with the same choice have the same one. Runs in
// the supervisor.

const KEPT_CHOICES = 64;
const built = new BoundedMap<string, ProcessFilter>(KEPT_CHOICES);
let ofInit: ProcessFilter | undefined;

/** @throws PosternError `launch_failed` with the step `seccomp`; `missing_library` */
export function filterOf(choice: FilterChoice): ProcessFilter {
  const key = JSON.stringify(choice);
  const kept = built.get(key);
  if (kept !== undefined) return kept;
  const filter = orFail(() => buildFilter(choice));
  built.set(key, filter);
  return filter;
}

/** @throws PosternError as {@link filterOf} does */
export function filterOfInit(): ProcessFilter {
  ofInit ??= orFail(buildInitFilter);
  return ofInit;
}

function orFail(build: () => ProcessFilter): ProcessFilter {
  try {
    return build();
  } catch (error) {
    if (error instanceof PosternError && error.code === 'seccomp')
      throw launchFailed('seccomp', error.message, error.fix);
    throw error;
  }
}

// Errors of a start that failed.

/**
 * A shell or a Node that could not start says why only on stderr.
 *
 * @returns undefined if the words say nothing of a shortage, or if the error says more
 */
function shortStart(words: string, error: unknown): PosternError | undefined {
  if (!(error instanceof PosternError) || error.fields['errno'] !== undefined) return undefined;
  if (error.fields['step'] !== 'namespaces') return undefined;
  const line = words.split('\n').find((one) => shortageIn(one) !== undefined);
  return line === undefined ? undefined : namespacesFailure(line);
}

/** What the launcher says of its failure, as an error. */
function errorOf({ step, message, fix, exitStatus, code }: LaunchFailure): PosternError {
  if (step === 'command' && exitStatus !== 125) {
    return new PosternError('launch_failed', message, { fix, fields: { step, cause: code }, exitStatus });
  }
  return launchFailed(step, message, fix ?? refusalFix(message), code);
}

/** @param errno of the system call that failed, where it is known */
function launchFailed(step: LaunchStep, message: string, fix?: string, errno?: string): PosternError {
  return new PosternError('launch_failed', `Cannot start the sandbox, step ${step}: ${message}`, {
    fix,
    fields: { step, errno },
  });
}
