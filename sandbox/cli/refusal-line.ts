// The terminal line of a refusal: what was refused, why, and the one rule that would allow it.
import type { AuditLine } from '../../shared/protocol/link.js';

const LINES_PER_SECOND = 20;

/**
 * @param mend how to allow it, given the rule that would
 * @returns undefined where the event is no refusal
 */
export function refusalLine(event: AuditLine, mend: (rule: string) => string): string | undefined {
  if (event['event'] === 'protocol_error')
    return `the plugin broke the channel's protocol (${event['kind']}): channel closed`;
  if (event['event'] === 'question') return questionLine(event, mend);
  if (event['event'] === 'slow')
    return `the plugin held the broker up for ${event['milliseconds']} ms, and was ended`;
  if (event['event'] !== 'decision' || event['decision'] === 'allow') return undefined;
  const { message, host, port, reason, suggestion } = event as Record<string, unknown>;
  const what = typeof message === 'string' ? message : `Cannot connect to "${host}:${port}": ${reason}`;
  const verb = event['decision'] === 'would_deny' ? 'allowed in audit mode only: ' : '';
  return `${verb}${what}${typeof suggestion === 'string' ? `; to allow it: ${mend(suggestion)}` : ''}`;
}

/** A refused question of DNS; what follows is but the first one's repetition. */
function questionLine(event: AuditLine, mend: (rule: string) => string): string | undefined {
  const { message, suggestion, repeated } = event as Record<string, unknown>;
  if (repeated === true) return undefined;
  return `${message}${typeof suggestion === 'string' ? `; to allow it: ${mend(suggestion)}` : ''}`;
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
