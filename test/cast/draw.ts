// Draws what was played as a picture that moves: one SVG, without scripts, which a README can show. Pure. Where less motion is wanted, it stands still and shows
// the end.
import type { Played } from './scene.js';

const COLUMNS = 100;
const TOTAL_S = 20;
const TYPE_S = 1.6;
const LINE_S = 0.35;
/** After the output of a step. */
const READ_S = 2.4;
const [CHARACTER, LINE, EDGE] = [8.4, 20, 16];

interface Line {
  readonly text: string;
  readonly kind: 'comment' | 'command' | 'postern' | 'output';
  /** When it appears, and for how long it is typed, in seconds. */
  readonly at: number;
  readonly typedS: number;
}

export function draw(played: readonly Played[]): string {
  const lines = scale(linesOf(played));
  const [width, height] = [Math.ceil(COLUMNS * CHARACTER + 2 * EDGE), lines.length * LINE + 2 * EDGE];
  const texts = lines.map(({ text, kind }, at) => {
    const y = EDGE + LINE * (at + 0.75);
    return `<text class="${kind} l${at}" x="${EDGE}" y="${y}" xml:space="preserve">${escaped(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>postern refuses what a postinstall script steals, and permits what it downloads</title>
<!-- Made by npm run cast, of a real run. -->
<style>
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dee6; }
.comment { fill: #8fa1b3; }
.command { fill: #ffffff; font-weight: 600; }
.postern { fill: #f4c56b; }
@media (prefers-reduced-motion: no-preference) {
${lines.map(rulesOf).join('\n')}
}
</style>
<rect width="100%" height="100%" rx="8" fill="#10161d"/>
${texts.join('\n')}
</svg>
`;
}

/** The lines with what a terminal of that width makes of long ones. */
function linesOf(played: readonly Played[]): readonly Line[] {
  let now = 0.5;
  const lines: Line[] = [];
  const put = (text: string, kind: Line['kind'], typedS: number): void => {
    for (const part of wrap(text)) lines.push({ text: part, kind, at: now, typedS });
  };
  for (const { comment, command, output } of played) {
    put(`# ${comment}`, 'comment', 0);
    now += LINE_S;
    put(`$ ${command}`, 'command', TYPE_S);
    now += TYPE_S + LINE_S;
    for (const text of output) {
      put(text, text.startsWith('postern: ') ? 'postern' : 'output', 0);
      now += LINE_S;
    }
    now += READ_S;
  }
  return lines;
}

function wrap(text: string): readonly string[] {
  const parts = [''];
  for (const word of text.split(' ')) {
    const last = parts.at(-1) ?? '';
    if (last.length + word.length < COLUMNS) parts[parts.length - 1] = last === '' ? word : `${last} ${word}`;
    else parts.push(`  ${word}`);
  }
  return parts;
}

/** To the whole time, with a rest at the end. */
function scale(lines: readonly Line[]): readonly Line[] {
  const factor = (TOTAL_S - 2 * READ_S) / (lines.at(-1)?.at ?? 1);
  return lines.map((line) => ({ ...line, at: line.at * factor, typedS: line.typedS * factor }));
}

function rulesOf({ text, at, typedS }: Line, index: number): string {
  const percent = (seconds: number): string => `${((100 * seconds) / TOTAL_S).toFixed(2)}%`;
  const name = `k${index}`;
  const frames =
    typedS === 0
      ? `0% { opacity: 0 } ${percent(at)} { opacity: 1 } 100% { opacity: 1 }`
      : `0%, ${percent(at)} { clip-path: inset(0 100% 0 0) } ${percent(at + typedS)}, 100% { clip-path: inset(0 0 0 0) }`;
  const steps = typedS === 0 ? 'step-end' : `steps(${Math.max(1, text.length)})`;
  return `@keyframes ${name} { ${frames} } .l${index} { animation: ${name} ${TOTAL_S}s ${steps} infinite; }`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
