// The lines on stderr that tell a person of refusals and of files that the program did not see, each with what to paste.

import { basename } from 'node:path';
import { decisionMessage } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import { printable, yamlText } from '../../shared/printable.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { shellQuoted, shellWord } from '../host/shell-word.js';
import type { Unseen } from '../supervisor/unseen/unseen-files.js';

// The terminal line of a refusal: what was refused, to which program, why, and the rule that would allow it.
// The text comes from the broker, which reads hostile bytes: control characters are removed, and the length is bounded.

const LINES_PER_SECOND = 20;
const MOST_CHARACTERS = 2000;
/** The kernel keeps this much of a program's name: proc(5) comm. */
const COMM_BYTES = 15;

/** The kernel's name for a plugin's command. */
export function ownProgram({ command }: { readonly command: readonly string[] }): string {
  return Buffer.from(basename(command[0] ?? ''))
    .subarray(0, COMM_BYTES)
    .toString('utf8');
}

/**
 * @param event its texts are not trusted
 * @param fix words that say where to add the given rule, with the rule quoted as below: it is not trusted
 * @param own the plugin's own program, which the line need not name
 * @returns undefined for an event that refuses nothing and makes nothing wait
 */
export function refusalLine(
  event: AuditEvent,
  fix: (rule: string) => string,
  own?: string,
): string | undefined {
  const what = describe(event, own);
  if (what === undefined) return undefined;
  const { suggestion } = { suggestion: undefined, ...event };
  const toAllow = event.event === 'loopback' ? "to allow the host's" : 'to allow it';
  const rule =
    suggestion === undefined ? '' : `; ${toAllow}: ${printable(fix(suggestion.slice(0, MOST_CHARACTERS)))}`;
  return `${show(what)}${rule}`;
}

function show(text: string): string {
  return printable(text.slice(0, MOST_CHARACTERS));
}

function describe(event: AuditEvent, own?: string): string | undefined {
  switch (event.event) {
    case 'protocol_error':
      return `the plugin broke the channel's protocol (${event.kind}): channel closed`;
    case 'slow':
      return `the plugin stalled the broker for ${event.milliseconds} ms, and was ended`;
    case 'decision':
      // An allowed one has a message if its socket was not connected.
      return event.decision === 'allow' && event.message === undefined
        ? undefined
        : `${describeDecision(event)}${describeProgram(event, own)}`;
    case 'question':
      // The first refusal of this name was printed already.
      return event.repeated ? undefined : `${event.message}${describeProgram(event, own)}`;
    case 'socket':
    case 'loopback':
      return `${event.message}${describeProgram(event, own)}`;
    case 'limited':
      return event.message;
    case 'closed':
    case 'datagram':
    case 'explain':
      return undefined;
  }
}

function describeDecision(event: AuditEvent<'decision'>): string {
  const what = decisionMessage(event);
  return event.decision === 'would_deny' ? `allowed in audit mode only: ${what}` : what;
}

/** Names another program than the plugin's own, mostly a child of it. A program chooses its name itself. */
function describeProgram(
  { program, pid }: { readonly program: string | null; readonly pid: number | null },
  own: string | undefined,
): string {
  return program === null || program === own ? '' : ` (${quote(program)}, pid ${Number(pid)})`;
}

/** Passes on a bounded number of lines per second, and reports how many it dropped. */
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

// Rules and paths as an operator pastes them: options for a shell, values for a YAML file. Everything that postern suggests to paste is made
// here. The texts may be a plugin's: none of them ends its quotes.

/** @returns for example `--allow 'api.example.com'` */
export function asRuleOption(list: 'allow' | 'deny', rule: string): string {
  return `--${list} ${shellQuoted(rule)}`;
}

/** @returns for example `--visible /srv/app --visible '/srv/my app'` */
export function asVisibleOptions(paths: readonly string[]): string {
  return paths.map((path) => `--visible ${shellWord(path)}`).join(' ');
}

/** @returns for example `"api.example.com", "*.example.org"`, the inside of a YAML list */
export function asYamlItems(texts: readonly string[]): string {
  return texts.map(yamlText).join(', ');
}

// The terminal line that names files a failed program may have missed, and the option that shows them.

/** @param show words for these paths, for example `show it with --visible /srv/app` */
export function unseenLine(
  { message, paths, besides, instead }: Unseen,
  show: (paths: readonly string[]) => string,
): string {
  const ways = [
    ...(paths.length > 0 ? [[show(paths), ...(besides === undefined ? [] : [besides])].join(' and ')] : []),
    ...(instead === undefined ? [] : [instead]),
  ];
  return printable(`${message}; if the program needs that, ${ways.join(', or ')}`);
}
