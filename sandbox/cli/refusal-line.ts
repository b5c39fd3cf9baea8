// The lines on stderr that tell a person of refusals, of failures and of files that the program did not see, each with what to paste.

import { basename } from 'node:path';
import { decisionMessage, quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import { printable, yamlText } from '../../shared/printable.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { shellQuoted, shellWord } from '../host/shell-word.js';
import { type Denial, Denials } from '../supervisor/control/denials.js';
import type { Unseen } from '../supervisor/unseen/unseen-files.js';

// The terminal line of a refusal or failure: what was refused, to which program, why, and the rule that would allow it.
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
 * @param fix words that say where to add the given rules, quoted as below: they are not trusted
 * @param own the plugin's own program, which the line need not name
 * @returns undefined for an event that refuses nothing and makes nothing wait or fail
 */
export function refusalLine(
  event: AuditEvent,
  fix: (rules: readonly string[]) => string,
  own?: string,
): string | undefined {
  const what = describe(event, own);
  if (what === undefined) return undefined;
  // A look-up has no port.
  const isLookUp = event.event === 'question' && event.reason === 'no_rule';
  const ofHost = event.event === 'loopback' ? "to allow the host's" : 'to allow it';
  const toAllow = isLookUp ? 'to allow it on port 443' : ofHost;
  // A rule for methods and paths stands in another list.
  const say =
    event.event === 'http'
      ? (texts: readonly string[]) => `add ${asYamlItems(texts)} to gateway.${event.host}.allow`
      : fix;
  const rules = missingRules(event);
  return `${show(what)}${rules.length === 0 ? '' : `; ${toAllow}: ${printable(say(rules))}`}`;
}

/** The rules that would allow it, all of which are needed. A special address needs one for itself besides that for its name. */
export function missingRules(about: object): readonly string[] {
  const { name_suggestion: ofName, suggestion }: { name_suggestion?: unknown; suggestion?: unknown } = about;
  return [ofName, suggestion]
    .filter((rule) => typeof rule === 'string')
    .map((rule) => rule.slice(0, MOST_CHARACTERS));
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
      // A failure of DNS has an event `failed` too.
      return event.decision === 'allow' || event.reason === 'dns_error'
        ? undefined
        : `${describeDecision(event)}${describeProgram(event, own)}`;
    case 'question':
    case 'failed':
    case 'datagram':
    case 'socket':
    case 'loopback':
      return `${event.message}${describeProgram(event, own)}`;
    case 'limited':
    case 'http':
      return event.message;
    case 'closed':
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

// What is refused or fails again and again is one line a minute, with its count. What there was in all is told at the end.

/** Destinations, and rules, in a line of the end. */
const MOST_IN_SUMMARY = 20;
/** What one attempt of a program makes: it asks for both families of a name, and some programs do it twice. */
const OF_ONE_ATTEMPT = { questions: 4, connects: 2 };
/** What there may be of a destination, with its word in the line of the end. */
const SUMMED: Readonly<Record<Denial['decision'], string>> = {
  deny: 'refused',
  would_deny: 'allowed in audit mode only',
  failed: 'failed',
};

export class RefusalReport {
  readonly #denials: Denials;
  readonly #lineOf: (event: AuditEvent) => string | undefined;
  readonly #say: (line: string, plugin: string) => void;

  /**
   * @param isKnown whether a plugin has that name
   * @param lineOf makes the line of an event: {@link refusalLine}
   */
  constructor(
    isKnown: (plugin: string) => boolean,
    lineOf: (event: AuditEvent) => string | undefined,
    say: (line: string, plugin: string) => void,
  ) {
    this.#denials = new Denials(isKnown);
    this.#lineOf = lineOf;
    this.#say = say;
  }

  readonly take = (event: AuditEvent): void => {
    const known = this.#denials.take(event);
    if (known !== undefined && !known.isNews) return;
    const line = this.#lineOf(event);
    const count = known?.denial.count ?? 1;
    if (line !== undefined) this.#say(count > 1 ? `${line} (${count} times so far)` : line, event.plugin);
  };

  /** @returns nothing if the lines so far say it all */
  summary(): readonly string[] {
    const all = this.#denials.list(undefined, 'count', Number.POSITIVE_INFINITY);
    const isOneAttempt = ({ port, count }: Denial): boolean =>
      count <= (port === null ? OF_ONE_ATTEMPT.questions : OF_ONE_ATTEMPT.connects);
    if (all.length < 2 && all.every(isOneAttempt)) return [];
    const parts = Object.entries(SUMMED).flatMap(([word, words]) => {
      const some = all.filter(({ decision }) => decision === word).map(sumOf);
      return some.length === 0 ? [] : [`${words}: ${listed(some, ', ')}`];
    });
    const connected = new Set(all.filter(({ port }) => port !== null).map(({ host }) => host));
    // The rule for a look-up alone has port 443. The connect that followed has the right one.
    const needed = all.filter(({ host, port }) => port !== null || !connected.has(host));
    // No option has the rules of a gateway.
    const rules = [...new Set(needed.filter(({ request }) => request === null).flatMap(missingRules))];
    const options = rules.map((rule) => asRuleOption('allow', rule));
    return [
      parts.join('; '),
      ...(rules.length === 0 ? [] : [`to allow all of this: ${listed(options, ' ')}`]),
    ];
  }
}

function sumOf({ host, port, request, reason, count }: Denial): string {
  const where = request !== null || port === null ? quote(request ?? host) : quoteDestination(host, port);
  return `${where} (${reason}${count > 1 ? `, ${count} times` : ''})`;
}

function listed(texts: readonly string[], between: string): string {
  const more = texts.length - MOST_IN_SUMMARY;
  return `${texts.slice(0, MOST_IN_SUMMARY).join(between)}${more > 0 ? ` and ${more} more` : ''}`;
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

/** @returns for example `--allow 'api.example.com' --allow '10.1.2.3:443'` */
export function asAllowOptions(rules: readonly string[]): string {
  return rules.map((rule) => asRuleOption('allow', rule)).join(' ');
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
