// Reads a message of a plugin to its notify socket, sd_notify(3). Pure. The bytes are hostile.
import { SHOWN_STATUS_CHARACTERS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';

export interface Notice {
  readonly isReady: boolean;
  readonly isStopping: boolean;
  /** For the operator: one line without a character that a terminal would obey. Undefined: the message has none. */
  readonly status: string | undefined;
}

/** @param bytes lines `KEY=VALUE`. Lines with other keys (MAINPID, FDSTORE, BARRIER, …) say nothing to postern */
export function readNotice(bytes: Uint8Array): Notice {
  const lines = new TextDecoder().decode(bytes).split('\n');
  const status = lines.findLast((line) => line.startsWith('STATUS='))?.slice('STATUS='.length);
  return {
    isReady: lines.includes('READY=1'),
    isStopping: lines.includes('STOPPING=1'),
    status:
      status === undefined
        ? undefined
        : /* protects: G13 notify: a status is bounded, and no terminal obeys it => status */ printable(
            status.slice(0, SHOWN_STATUS_CHARACTERS),
          ),
  };
}
