// The one way in which options become a supervisor that runs plugins: for the library, `up`, `run` and `learn`. With it goes its control socket, if
// there is one. It prints nothing and handles no signal.
import { Supervisor } from '../supervisor/supervisor.js';
import type { SupervisorOptions } from '../supervisor/supervisor-options.js';
import type { ControlView, OperatorControl } from './operator-control.js';

export interface OperatedOptions extends Omit<SupervisorOptions, 'control'> {
  /** Owned from here on. Missing: there is no control socket. */
  readonly control?: OperatorControl | undefined;
}

export class OperatedSupervisor {
  readonly supervisor: Supervisor;
  readonly #control: OperatorControl | undefined;
  #closed: Promise<void> | undefined;

  constructor({ control, ...options }: OperatedOptions) {
    this.#control = control;
    this.supervisor = new Supervisor({
      ...options,
      // protects: G21 control: a plugin does not see its supervisor's socket
      control: control?.path,
      onEvent: (event) => {
        control?.take(event);
        options.onEvent?.(event);
      },
    });
  }

  /** Answers operators from here on. */
  serve(view: Omit<ControlView, 'supervisor'>): void {
    this.supervisor.showStates(view.plugins);
    this.#control?.serve({ ...view, supervisor: this.supervisor });
  }

  /**
   * Ends everything, the control socket last: an operator is answered meanwhile.
   *
   * @param graceMs as Supervisor.close has it
   */
  close(graceMs?: number): Promise<void> {
    this.#closed ??= this.supervisor.close(graceMs).then(() => this.#control?.close());
    return this.#closed;
  }
}
