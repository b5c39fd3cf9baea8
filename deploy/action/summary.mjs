// Prints the summary of a step as Markdown: its destinations, what became of them, and the rules that would allow what was refused. The commands of the
// step may have chosen each text of the log, so nothing of it acts as Markdown or HTML.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const MOST_ROWS = 200;
const LONGEST = 300;
const DID = { allow: 'allowed', deny: '**refused**', would_deny: '**no rule allows it**' };

const [mode, log] = process.argv.slice(2);
const rows = new Map();
for await (const line of createInterface({ input: createReadStream(log) })) take(line);
print([...rows.values()].sort((a, b) => rank(a) - rank(b) || b.count - a.count));

function take(line) {
  let event;
  try {
    event = JSON.parse(line);
  } catch {
    return; // A full disk may have cut it.
  }
  const { event: kind, decision, host, name, port, suggestion, count = 1 } = event;
  const isAsked = kind === 'question' || kind === 'decision' || kind === 'datagram';
  if (!isAsked || DID[decision] === undefined) return;
  const place = kind === 'question' ? String(name) : `${host}:${port}`;
  const key = `${decision} ${place}`;
  const known = rows.get(key) ?? { place, decision, suggestion, count: 0 };
  rows.set(key, { ...known, count: known.count + count });
}

function rank({ decision }) {
  return decision === 'allow' ? 1 : 0;
}

function print(all) {
  const missing = [
    ...new Set(all.flatMap(({ decision, suggestion }) => (decision === 'allow' ? [] : (suggestion ?? [])))),
  ];
  const shown = all.slice(0, MOST_ROWS);
  console.log(`### Network of this step, by postern (${mode === 'audit' ? 'audit' : 'block'})\n`);
  if (all.length === 0) console.log('It asked for no destination.\n');
  else {
    console.log('| destination | result | times |\n|---|---|---|');
    for (const { place, decision, count } of shown)
      console.log(`| ${code(place)} | ${DID[decision]} | ${count} |`);
    if (all.length > shown.length) console.log(`\nAnd ${all.length - shown.length} more.`);
  }
  if (missing.length > 0)
    console.log(
      `\nRules that would allow the rest:\n\n${missing
        .slice(0, MOST_ROWS)
        .map((rule) => `- ${code(rule)}`)
        .join('\n')}`,
    );
}

function code(text) {
  return `\`${String(text)
    .slice(0, LONGEST)
    .replace(/[^ -~]|[`|<>\\]/g, '?')}\``;
}
