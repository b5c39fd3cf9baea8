// What the control socket remembers of audit events: the latest ones, and how often each rule has decided. Runs in the supervisor. The events come from the
// broker, which is not trusted, and a plugin chooses what is in them: both are bounded, whatever comes.
import { BoundedMap } from '../../../shared/bounded-map.js';
import { COUNTED_RULES, KEPT_EVENTS } from '../../../shared/limits.js';
import type { AuditEvent, AuditEventName } from '../../../shared/protocol/audit-events.js';

type Listener = (event: AuditEvent) => void;

/** The latest events of all plugins. Requests through gateways have a place of their own: what plugins are refused does not drive them out. */
export class RecentEvents {
  readonly #rings: Readonly<Record<'http' | 'other', AuditEvent[]>> = { http: [], other: [] };
  readonly #listeners = new Set<Listener>();

  take(event: AuditEvent): void {
    const ring = this.#rings[event.event === 'http' ? 'http' : 'other'];
    ring.push(event);
    // In steps: each removal moves all that are left.
    if (ring.length >= 2 * KEPT_EVENTS) ring.splice(0, ring.length - KEPT_EVENTS);
    for (const listener of this.#listeners) listener(event);
  }

  /** @param plugin all plugins without it @param name every event without it @returns the last ones, in their order */
  last(plugin: string | undefined, name: AuditEventName | undefined, most: number): readonly AuditEvent[] {
    const wanted = Object.values(this.#rings).flatMap((ring) =>
      ring
        .slice(-KEPT_EVENTS)
        .filter((one) => (plugin ?? one.plugin) === one.plugin && (name ?? one.event) === one.event),
    );
    return wanted.sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0)).slice(-most);
  }

  /** @param listener takes each event as it comes @returns ends that */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The rules of a plugin that are in force. */
export interface PluginRules {
  readonly name: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Rules for methods and paths. */
  readonly gateway?:
    | readonly {
        readonly host: string;
        readonly allow: readonly string[];
        readonly deny: readonly string[];
      }[]
    | undefined;
}

/** A rule, and how often it has decided. */
export interface CountedRule {
  readonly plugin: string;
  readonly list: 'allow' | 'deny';
  /** Of a rule for methods and paths; null for one for destinations. */
  readonly host: string | null;
  readonly rule: string;
  /** At least: events that a limit leaves out are not counted. */
  readonly hits: number;
  /** ISO 8601 in UTC; null if it has decided nothing. */
  readonly last: string | null;
}

type Hits = Pick<CountedRule, 'hits' | 'last'>;
type RuleName = Omit<CountedRule, 'hits' | 'last'>;
const NONE: Hits = { hits: 0, last: null };

/** Counts decisions by their rules. Of very many rules, those count that decided last. */
export class RuleHits {
  readonly #hits = new BoundedMap<string, Hits>(COUNTED_RULES);
  readonly since: string = new Date().toISOString();

  take(event: AuditEvent): void {
    const rule = ruleOf(event);
    if (rule === undefined) return;
    const key = keyOf(rule);
    const times = 'questions' in event ? event.questions : 1;
    this.#hits.set(key, { hits: (this.#hits.get(key)?.hits ?? 0) + times, last: event.ts });
  }

  /** @param unused only those that have decided nothing @param most how many @returns `more`: how many further ones there are */
  list(
    plugins: Iterable<PluginRules>,
    unused: boolean,
    most: number,
  ): { readonly since: string; readonly rules: readonly CountedRule[]; readonly more: number } {
    const rules: CountedRule[] = [];
    let more = 0;
    for (const plugin of plugins)
      for (const name of rulesOf(plugin)) {
        const counted = { ...name, ...(this.#hits.get(keyOf(name)) ?? NONE) };
        if (unused && counted.hits > 0) continue;
        if (rules.length < most) rules.push(counted);
        else more += 1;
      }
    return { since: this.since, rules, more };
  }
}

/** The rule that decided; undefined: none did. */
function ruleOf(event: AuditEvent): RuleName | undefined {
  if (event.event !== 'decision' && event.event !== 'question' && event.event !== 'http') return undefined;
  const { plugin, rule, decision } = event;
  if (rule === null) return undefined;
  const host = event.event === 'http' ? event.host : null;
  return { plugin, list: decision === 'deny' ? 'deny' : 'allow', host, rule };
}

function keyOf({ plugin, list, host, rule }: RuleName): string {
  return JSON.stringify([plugin, list, host, rule]);
}

function* rulesOf({ name: plugin, gateway = [], ...own }: PluginRules): Generator<RuleName> {
  for (const list of ['allow', 'deny'] as const) {
    for (const rule of own[list]) yield { plugin, list, host: null, rule };
    for (const { host, ...rules } of gateway)
      for (const rule of rules[list]) yield { plugin, list, host, rule };
  }
}
