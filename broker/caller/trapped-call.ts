// One call that the plugin's filter has reported: its arguments, and the ways to end it. Runs in the broker.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import {
  answerNotification,
  continueNotification,
  isValid,
  type Notification,
} from '../../shared/sys/seccomp-notify.js';
import type { TrapCall } from '../../shared/trap-calls.js';
import type { TrapAnswer } from '../../shared/words.js';
import type { Installation, Placement } from './place-socket.js';

export class TrappedCall {
  readonly call: TrapCall;
  readonly notification: Notification;
  readonly #notifyFd: OwnedFd;
  readonly #onEnd: (call: TrappedCall, answer: TrapAnswer) => void;
  readonly #onAsking: (asking: boolean) => void;
  #over = false;
  #begun = false;
  #asking = false;

  /**
   * @param onEnd called once, when the caller goes on
   * @param onAsking called when the call waits for an answer to a question, and when it does no more
   */
  constructor(
    call: TrapCall,
    notification: Notification,
    notifyFd: OwnedFd,
    onEnd: (call: TrappedCall, answer: TrapAnswer) => void,
    onAsking: (asking: boolean) => void,
  ) {
    this.call = call;
    this.notification = notification;
    this.#notifyFd = notifyFd;
    this.#onEnd = onEnd;
    this.#onAsking = onAsking;
  }

  /** The descriptor that the call is about, in the caller's table. */
  get descriptor(): number {
    return this.notification.ints[0];
  }

  get tid(): number {
    return this.notification.tid;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Whether the caller still waits. If so, everything read by its thread id until now was its own. */
  stillWaits(): boolean {
    return (
      !this.#over &&
      this.#notifyFd.open &&
      /* protects: G5 what was reached by a thread's id counts only where its call waits still */ isValid(
        this.#notifyFd.number,
        this.notification.id,
      )
    );
  }

  /** Whether its sandbox has ended, or its trap is not served any more: nobody takes an answer. */
  get isGone(): boolean {
    return !this.#notifyFd.open;
  }

  /** Whether something is being done for the call that must not be done twice. */
  begin(begun = true): void {
    this.#begun = begun;
  }

  /** Whether it waits for an answer to a question. */
  get isAsking(): boolean {
    return this.#asking;
  }

  /**
   * Whether the next broker may serve it from its begin: a connect(2) for which only this broker's own socket was used so far. What other
   * calls do takes no time.
   */
  get mayBeginAnew(): boolean {
    return !this.#over && !this.#begun && this.call === 'connect';
  }

  /** While nothing was done for the call, the next broker may serve it from its begin. */
  noteAsking(asking: boolean): void {
    this.#asking = asking;
    if (!this.#over) this.#onAsking(asking);
  }

  /** @param result what the call returns: 0, or minus errno */
  end(result: number, answer: TrapAnswer): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#notifyFd.open) answerNotification(this.#notifyFd.number, this.notification.id, result);
    this.#onEnd(this, answer);
  }

  /** Lets the kernel execute the call as it is by then. Never for a call that could direct an inet socket: see handle-trap.ts. */
  proceed(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#notifyFd.open) continueNotification(this.#notifyFd.number, this.notification.id);
    this.#onEnd(this, 'own');
  }

  /** The call has returned a descriptor: an installation has ended it. */
  gotDescriptor(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd(this, 'own');
  }

  /**
   * What gives the caller a descriptor that it does not have yet.
   *
   * @param ends whether the call returns its number
   */
  installation(socket: OwnedFd, closesOnExec: boolean, ends: boolean): Installation {
    return {
      notifyFd: this.#notifyFd.number,
      id: this.notification.id,
      tid: this.tid,
      socket: socket.number,
      closesOnExec,
      ends,
    };
  }

  /** What puts a socket in the place of the caller's own. */
  placement(socket: OwnedFd): Placement {
    const { tid, descriptor } = this;
    return {
      notifyFd: this.#notifyFd.number,
      id: this.notification.id,
      tid,
      descriptor,
      socket: socket.number,
    };
  }
}
