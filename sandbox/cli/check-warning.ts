// A warning of `postern check`: the file is valid, but something in it deserves a look. `up` prints some too.
import { printable } from '../../shared/printable.js';

/**
 * For a command that cannot be run; a rule without effect, or with more effect than it seems; a call that weakens a guarantee; a home or
 * a folder that plugins share; a folder with what is not the plugin's; processes that plugins can take from each other.
 */
export interface CheckWarning {
  readonly plugin: string;
  /** `FILE:LINE` */
  readonly place: string;
  readonly message: string;
}

export function describeWarning({ plugin, place, message }: CheckWarning): string {
  // protects: G13 a new line in a name begins no line of check's => return (`${place}: plugins.${plugin}: ${message}`);
  return printable(`${place}: plugins.${plugin}: ${message}`);
}
