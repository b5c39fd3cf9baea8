// The terminal line of a refusal: what was refused, of which program, why, and the one rule that would allow it. What an event
// says came from the broker, which reads hostile bytes: nothing of it goes on that a terminal would act on, and no more than a few lines.
import { basename } from 'node:path';
import { quoteDestination } from '../../shared/policy/make-decision.js';
import { quote } from '../../shared/policy/quote.js';
import { printable } from '../../shared/printable.js';
import type { AuditLine } from '../../shared/protocol/link.js';

const LINES_PER_SECOND = 20;
const MOST_CHARACTERS = 2000;
/** The kernel keeps so much of a program's name, proc(5) comm. */
const COMM_BYTES = 15;

/** What the kernel calls a plugin's own command. */
export function ownProgram({ command }: { readonly command: readonly string[] }): string {
  return Buffer.from(basename(command[0] ?? ''))
    .subarray(0, COMM_BYTES)
    .toString('utf8');
}

/**
 * @param event what the broker says, which may be anything
 * @param fix how to allow it, given the rule that would
 * @param own the plugin's own program, which needs no mention
 * @returns undefined where the event is no refusal
 */
export function refusalLine(
  event: AuditLine,
  fix: (rule: string) => string,
  own?: string,
): string | undefined {
  const what = describe(event, own);
  if (what === undefined) return undefined;
  const { suggestion } = event;
  const rule =
    typeof suggestion === 'string'
      ? `; ${event['event'] === 'loopback' ? "to allow the host's" : 'to allow it'}: ${fix(printable(suggestion.slice(0, MOST_CHARACTERS)))}`
      : '';
  return `${printable(what.slice(0, MOST_CHARACTERS))}${rule}`;
}

function describe(event: AuditLine, own?: string): string | undefined {
  if (event['event'] === 'protocol_error')
    return `the plugin broke the channel's protocol (${event['kind']}): channel closed`;
  if (event['event'] === 'slow')
    return `the plugin held the broker up for ${event['milliseconds']} ms, and was ended`;
  const what = WORDS.get(event['event'])?.(event);
  return what === undefined ? undefined : `${what}${describeProgram(event, own)}`;
}

const WORDS: ReadonlyMap<unknown, (event: AuditLine) => string | undefined> = new Map([
  ['question', describeQuestion],
  ['decision', describeDecision],
  ['socket', ({ message }: AuditLine): string => String(message)],
  ['loopback', ({ message }: AuditLine): string => String(message)],
]);

function describeDecision(event: AuditLine): string | undefined {
  if (event['decision'] === 'allow') return undefined;
  const { message, host, port, reason } = event;
  const what =
    typeof message === 'string'
      ? message
      : `Cannot connect to ${quoteDestination(String(host), Number(port))}: ${reason}`;
  return event['decision'] === 'would_deny' ? `allowed in audit mode only: ${what}` : what;
}

/** A refused question of DNS; what follows is but the first one's repetition. */
function describeQuestion({ message, repeated }: AuditLine): string | undefined {
  return repeated === true ? undefined : String(message);
}

/** A child of the plugin's, mostly. Its name is its own to choose. */
function describeProgram({ program, pid }: AuditLine, own: string | undefined): string {
  if (typeof program !== 'string' || program === own) return '';
  return ` (${quote(program)}, pid ${Number(pid)})`;
}

/** Passes lines on, so many in a second; of the rest it tells how many there were. */
export function limitLines(say: (line: string) => void): (line: string) => void {
  let left = LINES_PER_SECOND;
  let dropped = 0;
  let counting = false;
  const renew = (): void => {
    if (dropped > 0) say(`and ${dropped} more refusals within a second`);
    left = LINES_PER_SECOND;
    dropped = 0;
    counting = false;
  };
  return (line) => {
    if (!counting) setTimeout(renew, 1000).unref();
    counting = true;
    if (left > 0) {
      left -= 1;
      say(line);
    } else dropped += 1;
  };
}
