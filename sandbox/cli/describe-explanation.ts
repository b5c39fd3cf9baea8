// Prints an explanation as lines for a person, each rule with its place.
import type { PlacedRules } from '../../shared/config/placed-rules.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import { printable } from '../../shared/printable.js';
import type { ExplainedWay, Explanation } from '../../shared/protocol/link.js';
import { paint } from './colour.js';
import { asRuleOption, asYamlItems } from './pasted-rule.js';

export interface PlacedExplanation extends Explanation {
  readonly plugin: string | null;
  /** `FILE:LINE` of the rule that decided, or the option that gave it. */
  readonly place: string | null;
}

export function placeExplanation(
  answer: Explanation,
  rules: PlacedRules,
  plugin: string | undefined,
): PlacedExplanation {
  const list = answer.reason === 'rule' ? rules.allow : rules.deny;
  const place = list.find(({ text }) => text === answer.rule)?.place;
  return { plugin: plugin ?? null, ...answer, place: place ?? null };
}

export function describeExplanation(answer: PlacedExplanation): string {
  const { plugin, decision, reason, rule, place, message, suggestion, addresses, host, port, way } = answer;
  const lines: [string, string][] = [
    ...(plugin === null ? [] : [['plugin', plugin] as [string, string]]),
    ['request', quoteDestination(host, port).slice(1, -1)],
    ['decision', decision],
    ['reason', reason],
    ['because', message.replace(/^.*?": /, '')],
  ];
  if (rule !== null) lines.push(['rule', place === null ? rule : `${rule} (${place})`]);
  const width = Math.max(0, ...addresses.map(({ address }) => address.length));
  for (const { address, class: kind, fate, rule: denied } of addresses) {
    const why = denied === null ? fate : `${fate} by ${denied}`;
    lines.push(['address', `${address.padEnd(width)}  ${kind.padEnd(9)}  ${why}`]);
  }
  if (way !== null) lines.push(['way', describeWay(way)]);
  if (suggestion !== null) {
    const fix =
      plugin === null
        ? asRuleOption('allow', suggestion)
        : `add ${asYamlItems([suggestion])} to plugins.${plugin}.allow`;
    lines.push(['to allow it', fix]);
  } else if (reason === 'denied_by_rule' && rule !== null) {
    lines.push(['to allow it', `remove the deny rule "${rule}": it wins over every allow rule`]);
  }
  const colour = decision === 'deny' ? 'red' : decision === 'allow' ? 'green' : 'yellow';
  return lines
    .map(([key, value]) => {
      const shown = key === 'decision' ? paint(value, colour) : printable(value);
      return `${paint(key.padEnd(11), 'dim')} ${shown}`;
    })
    .join('\n');
}

function describeWay({ via, tunnel, rule }: ExplainedWay): string {
  if (via !== null) return `through ${via}, which is asked for ${tunnel ?? 'it'}`;
  return rule === null
    ? 'around the proxy: it is an address of this host or of its link'
    : `around the proxy: "${rule}" of via.direct covers it`;
}
