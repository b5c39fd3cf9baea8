// The broker's process. It makes the connections that a policy allows, outside every sandbox. The supervisor starts it with a line stream
// at BROKER_LINE_FD, one for its own lines at BROKER_LINES_OUT_FD and a packet socket at BROKER_DESCRIPTOR_FD; it ends with either, and starts no process. It reads all of its code
// before the ids change, since it may be unable to read the files afterwards.
import { PosternError } from '../shared/errors.js';
import { BROKER_DESCRIPTORS } from '../shared/limits.js';
import {
  BROKER_DESCRIPTOR_FD,
  BROKER_LINE_FD,
  BROKER_LINES_OUT_FD,
  LINK_VERSION,
  type SupervisorLine,
} from '../shared/protocol/link.js';
import '../shared/refuse-debugger.js';
import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { VERSION } from '../shared/bundles.js';
import { COLLECTS_ALONE, SMALL_YOUNG_HEAP } from '../shared/node-flags.js';
import { openSocketFile } from '../shared/sys/open-socket-file.js';
import {
  dieWithParent,
  exitAtOnce,
  ownThreadIds,
  setNoNewPrivileges,
} from '../shared/sys/process-control.js';
import { getLimit, RLIMIT, setLimit } from '../shared/sys/rlimit.js';
import { DescriptorPool } from './limit/descriptor-shares.js';
import { PluginOrders } from './limit/plugin-orders.js';
import { LineLink } from './line-link.js';
import { HostAddresses } from './names/host-addresses.js';
import { HostsFile } from './names/hosts-file.js';
import { NameCache, ResolverSets } from './names/name-cache.js';
import { NameServers } from './names/name-servers.js';
import { NameResolver } from './names/resolve.js';
import { tellProblem } from './names/watched-file.js';
import { receivePackets } from './packet-link.js';
import { Plugins } from './plugins.js';
import { Audit, EventTally } from './record/audit.js';
import { LogRoom } from './record/log-gate.js';
import { Metrics } from './record/metrics.js';
import type { Services } from './request/plugin.js';
import { enterBrokerSandbox, sealMounts, takeIds } from './sandbox/enter-sandbox.js';
import { guardNobody, startGuards } from './stall/start-guards.js';
import { type Line, takeLine } from './take-line.js';

const EXIT_BUG = 70;
const parent = process.ppid;

process.on('uncaughtException', (error) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`postern: broker: ${text.replace(/\s*\n\s*/g, ' | ')}\n`);
  process.exit(EXIT_BUG);
});
// The supervisor handles a terminal's Ctrl-C. The broker ends with the link.
process.on('SIGINT', () => {});

/** At once: Node would end its threads first, and the supervisor waits for this exit. */
const leave = /* protects: G11 broker: it ends with its supervisor's link => () => { } */ (): void =>
  exitAtOnce(0);
let plugins: Plugins | undefined;
const link = new LineLink(
  new Socket({ fd: BROKER_LINE_FD, writable: false }),
  new Socket({ fd: BROKER_LINES_OUT_FD, readable: false }),
  take,
  leave,
  () => plugins?.end(),
);
const metrics = new Metrics();
const tally = new EventTally();

function take(line: SupervisorLine): void {
  takeLine(line, plugins && { plugins, metrics, link }, (first) => void start(first));
}

async function start(line: Line<'start'>): Promise<void> {
  let services: Services;
  try {
    yieldToCallers();
    const hosts = new HostsFile('/etc/hosts', tellProblem);
    services = await makeServices(line, hosts);
    plugins = new Plugins(services, link, new ResolverSets(hosts), line.alone);
    limitHeap();
    confine(line);
  } catch (error) {
    const { message } = error as Error;
    link.send({ type: 'failed', message, fix: error instanceof PosternError ? error.fix : undefined });
    link.drain(() => process.exit(1));
    return;
  }
  receivePackets(BROKER_DESCRIPTOR_FD, { plugins, tally }, leave);
  link.send({ type: 'ready', link: LINK_VERSION, version: VERSION });
}

/**
 * Gives the threads that V8 and Node have started what nobody else wants of the processors: while V8 compiles, callers wait. Called before this
 * program starts threads of its own. The main thread would wait for V8's in each young collection, so it makes these alone: ALONE.
 */
function yieldToCallers(): void {
  for (const thread of ownThreadIds())
    if (thread !== process.pid) setPriority(thread, constants.priority.PRIORITY_LOW);
}

async function makeServices(
  { dnsServers, listeners, auditRoom, readsAll = true, user, becomeIds, alone }: Line<'start'>,
  hosts: HostsFile,
): Promise<Services> {
  const room = new LogRoom(auditRoom, () => link.backlogBytes);
  link.onDrain = () => room.look();
  // First of all, since the others open some.
  const descriptors = new DescriptorPool(raiseDescriptorLimit());
  const orders = new PluginOrders();
  return {
    audit: new Audit(link, () => metrics.count('auditEventsDropped', {}), room, tally, readsAll),
    host: new HostAddresses(listeners),
    orders,
    openSocketFile:
      user === undefined
        ? (_plugin, path) => openSocketFile(path)
        : (plugin, path) => orders.openSocketFile(plugin, path),
    uid: user ?? becomeIds?.uid ?? process.getuid?.() ?? 0,
    metrics,
    plugins: new Map(),
    ...(alone === true ? guardNobody() : await startGuards()),
    descriptors,
    names: new NameResolver(hosts, new NameCache(new NameServers(dnsServers, tellProblem))),
  };
}

/** From here on the process has no privilege, gains none, and dies with its parent. */
function confine({ becomeIds, supervisorMounts }: Line<'start'>): void {
  if (becomeIds !== undefined) {
    sealMounts(supervisorMounts);
    takeIds(becomeIds);
  }
  setNoNewPrivileges();
  // A core file would be a file of the host with what an attacker put into the memory, core(5).
  // protects: G16 broker: it leaves no core file
  setLimit(RLIMIT.CORE, 0n, 0n);
  // A change of ids clears this setting, prctl(2) PR_SET_PDEATHSIG, and its sandbox keeps it. A parent that is gone by now sends no signal.
  // protects: G11 broker: it ends with the supervisor
  dieWithParent(constants.signals.SIGKILL);
  if (process.ppid !== parent) throw new PosternError('broker_parent', 'The supervisor has ended');
  enterBrokerSandbox();
}

/** A socket that connects, or that waits to be received, is a descriptor of the broker. @returns the limit */
function raiseDescriptorLimit(): number {
  const { hard } = getLimit(RLIMIT.NOFILE);
  const wanted = BigInt(BROKER_DESCRIPTORS);
  setLimit(RLIMIT.NOFILE, hard, hard);
  if (hard >= wanted) return Number(hard);
  try {
    setLimit(RLIMIT.NOFILE, wanted, wanted);
    return BROKER_DESCRIPTORS;
  } catch {
    // Without CAP_SYS_RESOURCE the hard limit stays: fewer connections at once, and all of them as safe.
    return Number(hard);
  }
}

// How V8 sizes the broker's heap. What the supervisor has too is in node-flags.ts, with the reason why none of it is on Node's command line.

/**
 * In percent of what is in use after a collection. By default V8 lets a heap grow fourfold before it collects again, so that a broker of 200
 * plugins takes 200 to 350 MiB in turn. With this it takes 190 to 200 MiB, and no more processor time (npm run soak).
 */
const SLOWLY_GROWING_HEAP = '--heap-growing-percent=40';

/** Called once the broker's threads have started. */
function limitHeap(): void {
  setFlagsFromString(SMALL_YOUNG_HEAP);
  setFlagsFromString(SLOWLY_GROWING_HEAP);
  setFlagsFromString(COLLECTS_ALONE);
}
