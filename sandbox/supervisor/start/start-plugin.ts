// Turns a plugin's configuration into a running sandbox: plans its root, opens its channel and launches it.

import { fchownSync, fstatSync, readlinkSync } from 'node:fs';
import type { Limits } from '../../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { PosternError } from '../../../shared/errors.js';
import { LANDLOCK_TCP, landlockVersion } from '../../../shared/sys/landlock.js';
import { openInRoot } from '../../../shared/sys/open-in-root.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { pidNamespaceOf } from '../../../shared/sys/waiting-thread.js';
import { claimIdRange, type IdRange, RANGE_SIZE } from '../../host/id-range.js';
import type { Privileges } from '../../host/privileges.js';
import { withoutSecrets } from '../../host/secret-variables.js';
import { keepsUnix } from '../../launch/enter-landlock.js';
import type { FilterChoice } from '../../launch/filters.js';
import {
  hasTrap,
  JOB_CONTROL_PROCESSES,
  type LaunchSpec,
  NOTICE_PROCESSES,
  type RootEntry,
} from '../../launch/spec.js';
import type { BrokerProcess } from '../broker/broker-process.js';
import type { StartedCgroup } from '../cgroup/sandbox-cgroup.js';
import { hostFiles, isWithin, readMounts } from '../files/host-files.js';
import type { InheritedListener, PluginGateway } from '../gateway/plugin-gateway.js';
import { makeHome } from '../home/kept-home.js';
import type { RootPlan } from '../root/plan-root.js';
import { shows } from '../root/shown-paths.js';
import type { Unseen } from '../unseen/unseen-files.js';
import { IGNORED_SIGNALS } from './ignored-signals.js';
import { type LaunchedSandbox, launchSandbox, type Notices, type PlannedSpec } from './launch-sandbox.js';
import { NoticeInbox } from './notice-inbox.js';
import { planPlugin, type StartHost } from './plan-plugin.js';
import { npmVariables, outsideEnvironment, pluginEnvironment } from './plugin-environment.js';
import { INNER_ID, maskKernelMounts, pluginTrees } from './plugin-trees.js';
import { refuseMovableMounts, refuseOwnPipes, refuseWritable } from './refuse-start.js';
import type { Sandbox } from './sandbox.js';
import type { StandardStreams } from './standard-streams.js';

/** The gateway of a plugin, and what starts its process. */
export interface ServedGateway {
  readonly view: PluginGateway;
  /** @param listeners owned by the gateway from here on @throws PosternError as {@link startPlugin} does */
  readonly serve: (listeners: readonly OwnedFd[]) => Promise<void>;
}

export interface PluginHost extends StartHost {
  readonly broker: BrokerProcess;
  /** Resolves when the broker has the plugin's rules. Its program begins only then. */
  readonly serving: Promise<void>;
  readonly privileges: Privileges;
  /** The uid and gid of the broker. They own the sandboxes' user namespaces, which lets the broker reach into them. */
  readonly owner: number;
  /** The plugin inherits them from descriptor 3 on, in this order. */
  readonly listeners: readonly InheritedListener[];
  /** Missing: the plugin has none. */
  readonly gateway?: ServedGateway | undefined;
  /** Called when the plugin ended with a status other than 0. @param find returns the files that it may have missed */
  readonly onFailure?: ((find: () => readonly Unseen[]) => void) | undefined;
  /** Takes what the plugin will see, in the turn of the call. */
  readonly onPlan: (plan: RootPlan) => void;
  /** The control group of the sandbox, where a limit needs one. */
  readonly cgroup?: StartedCgroup | undefined;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

/**
 * Takes ownership of the streams' descriptors.
 *
 * @throws PosternError `launch_failed`, `bad_home`, `privileged_file`, `path_not_apart`, `not_allowed`, `not_found`, `hidden`, `no_id_range`, SystemError. Its
 *   `exitStatus` is that of `run`. Nothing is left running, and no descriptor open.
 */
export async function startPlugin(
  host: PluginHost,
  config: PluginConfig,
  streams: StandardStreams,
): Promise<Sandbox> {
  const held: OwnedFd[] = [...streams.descriptors];
  try {
    return await prepareAndLaunch(host, config, streams, held);
  } finally {
    for (const descriptor of held) descriptor.close();
  }
}

/** __NEW_UTS_LEN. The name of a gateway is longer than that of its plugin. */
const HOSTNAME_BYTES = 64;

/** What the steps of one start know of it. */
interface Start {
  readonly host: PluginHost;
  readonly config: PluginConfig;
  readonly streams: StandardStreams;
  /** Takes each descriptor that is opened on the way. */
  readonly held: OwnedFd[];
  /** The plugin's uid and gid inside. */
  readonly ids: { readonly uid: number; readonly gid: number };
  readonly plan: RootPlan;
  /** Those of the host that the sandbox has; undefined for a user. */
  readonly range: IdRange | undefined;
}

/** @param held takes each descriptor that is opened on the way */
async function prepareAndLaunch(
  host: PluginHost,
  config: PluginConfig,
  streams: StandardStreams,
  held: OwnedFd[],
): Promise<Sandbox> {
  const ids = host.privileges === 'user' ? ownIds() : { uid: INNER_ID, gid: INNER_ID };
  const { plan, find } = planStart(host, config, ids);
  await refuseWritable(config, plan.entries, host.ownFiles, raise);
  const range = host.privileges === 'user' ? undefined : claimIdRange();
  let notices: Notices | undefined;
  try {
    const start: Start = { host, config, streams, held, ids, plan, range };
    const { entries, trees } = await pluginTrees(host, config, plan, range, held);
    const { passed, inherits } = passDescriptors(start);
    const spec = specOf(start, entries, passed.length);
    giveStreams(start);
    notices = spec.hasNotices ? openNotices(held) : undefined;
    const launched = await launchSandbox({
      spec,
      choice: filterChoice(start, spec),
      passed,
      trees,
      ranged: range && { owner: host.owner, base: range.base, size: RANGE_SIZE },
      cgroup: host.cgroup,
      notices,
      serving: host.serving,
      serveGateway: host.gateway?.serve,
    });
    if (launched.terminal !== undefined) streams.terminal?.attach(launched.terminal);
    await openWays(start, launched, spec, inherits);
    watchEnd(start, launched.sandbox, find);
    return launched.sandbox;
  } catch (error) {
    notices?.inbox.close();
    range?.release();
    throw error;
  }
}

/** Plans what the plugin will see, and refuses what needs no look into its files. */
function planStart(host: PluginHost, config: PluginConfig, ids: Start['ids']): ReturnType<typeof planPlugin> {
  if (config.home !== undefined) makeHome(config.home);
  const planned = planPlugin(config, ids, host);
  host.onPlan(planned.plan);
  refuseOwnPipes(planned.plan.entries, host.ownFiles, raise);
  refuseMovableMounts(planned.plan.entries, host.written);
  return planned;
}

/** @returns standard streams, listeners and the channel, and whether a listener may bring descriptors of a former run */
function passDescriptors({ host, config, streams, held }: Start): {
  readonly passed: readonly OwnedFd[];
  readonly inherits: boolean;
} {
  const channel = host.broker.openChannel(config.name);
  held.push(channel.request, channel.reply);
  const inherits = host.listeners.some(({ mayHoldDescriptors }) => mayHoldDescriptors);
  const listeners = host.listeners.map((listener) => {
    const passed = listener.pass();
    held.push(passed);
    return passed;
  });
  return { passed: [...streams.descriptors, ...listeners, channel.request, channel.reply], inherits };
}

/** @param passed the number of descriptors. The last two are the channel's */
function specOf(
  { host, config, streams, ids, plan, range }: Start,
  entries: readonly RootEntry[],
  passed: number,
): PlannedSpec {
  const hasNotices = config.ready?.by === 'notify';
  return {
    ...(range === undefined ? { mapIds: ids } : { becomeIds: ids }),
    hostname: config.name.slice(0, HOSTNAME_BYTES),
    root: [
      ...entries,
      ...maskKernelMounts(plan.entries, readMounts(), host.onNotice),
      // protects: G23 gateway: the plugin trusts its authority
      ...(host.gateway?.view.rootEntries(plan.entries, hostFiles) ?? []),
    ],
    writableDirectories: plan.writableDirectories,
    writableFiles: plan.writableFiles,
    terminal: terminalSpec(streams.terminal),
    cwd: plan.cwd,
    command: config.command,
    environment: pluginEnvironment(
      withoutSecrets(outsideEnvironment()),
      { ...npmVariables(config), ...host.gateway?.view.variables, ...config.env },
      (path) => shows(plan.entries, path) && hostFiles.real(path) !== undefined,
      { listeners: host.listeners.map(({ name }) => name), request: passed - 2, reply: passed - 1 },
      hasNotices,
    ),
    limits: launchLimits(config.limits, {
      asUser: host.privileges === 'user',
      grouped: host.cgroup !== undefined,
      terminal: streams.terminal !== undefined,
      hasNotices,
    }),
    egress: config.egress,
    keepsUnix: keepsUnix(landlockVersion()),
    ignoredSignals: IGNORED_SIGNALS,
    hasNotices,
    listeners: host.listeners.length,
    gateway: host.gateway?.view.places ?? [],
  };
}

function filterChoice(
  { config, ids, range }: Start,
  { keepsUnix: datagrams, hasNotices }: PlannedSpec,
): FilterChoice {
  return {
    egress: config.egress,
    added: config.addedCalls,
    onlyIds: range === undefined ? ids : undefined,
    datagrams,
    hasNotices,
  };
}

function giveStreams({ streams, range }: Start): void {
  if (range === undefined) return;
  for (const stream of streams.descriptors) openAgain(stream, range.base + INNER_ID);
}

/** Lets the broker serve the sandbox. A failure ends it. @param inherits whether a listener may bring descriptors of a former run */
async function openWays(
  { host, config, range }: Start,
  { sandbox, trap, noticeSocket }: LaunchedSandbox,
  spec: PlannedSpec,
  inherits: boolean,
): Promise<void> {
  try {
    const pidNamespace = pidNamespaceOf(sandbox.pid);
    const end = (): void => {
      for (const listener of host.listeners) listener.suspect();
      sandbox.kill();
    };
    host.broker.openSandbox(config.name, end, { pidNamespace, inherits });
    if (!hasTrap(spec)) return;
    host.broker.openTrap(trap, {
      plugin: config.name,
      landlockDeniesTcp: /* test point: Landlock for TCP => false */ landlockVersion() >= LANDLOCK_TCP,
      scratch: scratchDevices(trap.at(-1), spec.root),
      pluginId: range === undefined ? undefined : range.base + INNER_ID,
      pidNamespace,
      noticeSocket,
      kill: () => sandbox.kill(),
    });
  } catch (error) {
    // No descriptor may be left for what the broker needs.
    for (const descriptor of trap) descriptor.close();
    noticeSocket?.close();
    sandbox.kill();
    await sandbox.ended;
    host.broker.endSandbox(config.name);
    throw error;
  }
}

/** @param find returns the files that a plugin that failed may have missed */
function watchEnd({ host, config, range }: Start, { ended }: Sandbox, find: () => readonly Unseen[]): void {
  ended.then((end) => {
    host.broker.endSandbox(config.name);
    if (end.kind === 'exited' && end.status !== 0) host.onFailure?.(find);
  });
  if (range !== undefined) ended.then(range.release);
}

/** @param held takes the writing end */
function openNotices(held: OwnedFd[]): Notices {
  const { read, write } = makePipe({ packet: true });
  held.push(write);
  return { pipe: write, inbox: new NoticeInbox(read) };
}

function raise(error: PosternError): never {
  throw error;
}

function terminalSpec(terminal: StandardStreams['terminal']): LaunchSpec['terminal'] {
  if (terminal === undefined) return undefined;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return { streams: terminal.streams, modes: text(terminal.modes), size: text(terminal.size) };
}

function ownIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? INNER_ID, gid: process.getegid?.() ?? INNER_ID };
}

/**
 * Gives a pipe to the plugin's id, so that the plugin can open it again by /dev/stdout and the like. Root without CAP_CHOWN cannot
 * do that: then these opens fail, and the stream itself works.
 */
function openAgain(stream: OwnedFd, id: number): void {
  if (!readlinkSync(`/proc/self/fd/${stream.number}`).startsWith('pipe:[')) return;
  try {
    fchownSync(stream.number, id, id);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

// The resource limits that the launcher sets, from the limits of a plugin's configuration. Pure.

/** As a user, the sandbox's init has the plugin's uid, so it counts too. */
const INIT_PROCESSES = 1;

/**
 * @param asUser whether a user started postern
 * @param grouped whether the sandbox has a control group
 * @param terminal whether the plugin has a terminal
 * @param notify whether it has a notify socket
 */
function launchLimits(
  limits: Limits,
  {
    asUser,
    grouped,
    terminal,
    hasNotices,
  }: {
    readonly asUser: boolean;
    readonly grouped: boolean;
    readonly terminal: boolean;
    readonly hasNotices: boolean;
  },
): Limits {
  return {
    ...limits,
    // A control group has the same limit and counts the refusals, so it must take effect first.
    processes:
      limits.processes +
      (asUser ? INIT_PROCESSES : 0) +
      (hasNotices && (asUser || grouped) ? NOTICE_PROCESSES : 0) +
      (grouped ? 1 : 0) +
      (terminal ? JOB_CONTROL_PROCESSES : 0),
  };
}

// The file systems of a sandbox that are its own, as stat(2) numbers them: no socket of the host lies there.

/**
 * @param root the sandbox's root folder. A plugin cannot move a place where something is mounted
 * @returns st_dev of each
 */
function scratchDevices(root: OwnedFd | undefined, entries: readonly RootEntry[]): readonly bigint[] {
  if (root === undefined) return [];
  return entries.flatMap((entry, index) => {
    if (entry.kind !== 'scratch' || isCovered(entry.path, entries.slice(index + 1))) return [];
    const folder = openInRoot({ root: root.number, self: undefined }, Buffer.from(entry.path));
    if (typeof folder === 'number') return [];
    using opened = folder;
    return [fstatSync(opened.number, { bigint: true }).dev];
  });
}

/** Whether the host's files lie on top of it. */
function isCovered(path: string, later: readonly RootEntry[]): boolean {
  return later.some((entry) => entry.kind === 'bind' && isWithin(path, entry.path));
}
