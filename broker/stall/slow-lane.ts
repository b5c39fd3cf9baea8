// The thread apart for slow plugins. The broker waits there for their locks, and for their threads to get a processor. Slow plugins
// take turns, and delay one another by STALL_LIMIT_MS a turn at most. Runs in the broker, on the main thread.
import { FairTurns } from '../../shared/fair-turns.js';
import { duplicate } from '../../shared/sys/fcntl.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { PassedMemory } from '../caller/caller-memory.js';
import { CallerProcesses, type HeldSocket } from '../caller/caller-processes.js';
import type { Installation, Placement } from '../caller/place-socket.js';
import { NO_MEMORY, type Reached } from '../caller/reach-caller.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { carryOut, type Report, type SlowStep, type Step } from './carry-out.js';
import { stallFields, type WatchedThread } from './judge-stall.js';
import type { StallBudget } from './stall-budget.js';
import { startThread } from './start-thread.js';

interface WaitingStep {
  readonly step: Step;
  readonly stall: StallBudget;
  /** A duplicate: a plugin that starts anew gets another one meanwhile. */
  readonly alarm: OwnedFd | undefined;
  readonly resolve: (report: Report) => void;
}

/** A thread that carries out steps. */
interface LaneThread {
  on(event: 'message', listener: (report: Report) => void): unknown;
  postMessage(step: SlowStep): void;
}

export class SlowLane {
  readonly #worker: LaneThread;
  readonly #turns = new FairTurns<StallBudget, WaitingStep>();
  #underWay: WaitingStep | undefined;

  constructor(worker: LaneThread) {
    this.#worker = worker;
    worker.on('message', (report) => this.#finish(report));
  }

  /** `watched`: for the watchdog. */
  static async start(): Promise<{ readonly slowLane: SlowLane; readonly watched: WatchedThread }> {
    const fields = stallFields();
    const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    const { worker, tid } = await startThread('slow-lane-thread', { workerData: fields, resourceLimits });
    const slowLane = new SlowLane(worker);
    worker.unref();
    return { slowLane, watched: { tid, fields } };
  }

  /** One whose steps the main thread does at once. */
  static onMainThread(): SlowLane {
    const processes = new CallerProcesses();
    let take: (report: Report) => void;
    return new SlowLane({
      on: (_event, listener) => {
        take = listener;
      },
      postMessage: ({ step }) => take(carryOut(processes, step)),
    });
  }

  /** As reachCaller(). */
  async reach(
    stall: StallBudget,
    { tid, descriptor }: TrappedCall,
    passed: PassedMemory | undefined,
  ): Promise<Reached> {
    const { result, copied = NO_MEMORY } = await this.#take(
      stall,
      {
        kind: 'reach',
        tid,
        descriptor,
        passed,
      },
      alarmOf(stall),
    );
    return { descriptor: result < 0 ? result : new OwnedFd(result), memory: copied };
  }

  /** As the function of that name. */
  async copyPath(stall: StallBudget, { tid }: TrappedCall, at: bigint): Promise<Uint8Array | number> {
    const { result, copied } = await this.#take(stall, { kind: 'path', tid, at }, alarmOf(stall));
    return copied ?? result;
  }

  /** As placeSocket(). @param placement its socket stays open meanwhile; the notifyFd may be closed when its sandbox ends */
  place(stall: StallBudget, placement: Placement): Promise<number> {
    return this.#answer(stall, { kind: 'place', ...placement });
  }

  /** As installSocket(). @param installation as of {@link place} */
  install(stall: StallBudget, installation: Installation): Promise<number> {
    return this.#answer(stall, { kind: 'install', ...installation });
  }

  async #answer(stall: StallBudget, step: Extract<Step, { notifyFd: number }>): Promise<number> {
    const notifyFd = duplicate(step.notifyFd);
    stall.descriptors.hold(notifyFd);
    try {
      return (await this.#take(stall, { ...step, notifyFd: notifyFd.number }, alarmOf(stall))).result;
    } finally {
      notifyFd.close();
    }
  }

  /** As connectNow(). @param socket stays open meanwhile, and so does a file that the address names */
  async connect(stall: StallBudget, socket: number, address: Uint8Array): Promise<number> {
    return (await this.#take(stall, { kind: 'connect', socket, address }, alarmOf(stall))).result;
  }

  /** As CallerProcesses.stillHas(), of some sockets. */
  async stillHeld(stall: StallBudget, sockets: readonly HeldSocket[]): Promise<readonly boolean[]> {
    const { held = [] } = await this.#take(stall, { kind: 'held', sockets }, alarmOf(stall));
    return held;
  }

  /** Closes descriptors whose last close the plugin could block. @param ends owned by the lane from here on */
  async close(stall: StallBudget, ends: readonly OwnedFd[]): Promise<void> {
    let alarm: OwnedFd | undefined;
    try {
      alarm = alarmOf(stall);
    } catch {
      // No descriptor is left (EMFILE). The watchdog then kills nothing, however long the lane waits.
    }
    const descriptors = ends.map((end) => end.release());
    await this.#take(stall, { kind: 'close', descriptors }, alarm);
  }

  #take(stall: StallBudget, step: Step, alarm: OwnedFd | undefined): Promise<Report> {
    return new Promise((resolve) => {
      // protects: G9 slow plugins are reached by turns => this.#turns.add(undefined, { step, stall, alarm, resolve });
      this.#turns.add(stall, { step, stall, alarm, resolve });
      this.#sendNext();
    });
  }

  #sendNext(): void {
    if (this.#underWay !== undefined) return;
    this.#underWay = this.#turns.next();
    if (this.#underWay === undefined) return;
    const { step, stall, alarm } = this.#underWay;
    const caller = 'tid' in step ? step.tid : stall.caller;
    this.#worker.postMessage({ step, alarm: alarm?.number, caller } satisfies SlowStep);
  }

  #finish(report: Report): void {
    const ended = this.#underWay;
    this.#underWay = undefined;
    this.#sendNext();
    if (ended === undefined) return;
    ended.alarm?.close();
    if (report.slow !== undefined) ended.stall.wasSlowApart(report.slow.killed, report.slow.milliseconds);
    ended.resolve(report);
  }
}

/** A duplicate of what ends the plugin's present sandbox. */
function alarmOf({ alarm, descriptors }: StallBudget): OwnedFd | undefined {
  if (alarm?.open !== true) return undefined;
  const copy = duplicate(alarm.number);
  descriptors.hold(copy);
  return copy;
}
