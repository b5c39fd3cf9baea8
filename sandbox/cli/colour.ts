// Colours for a terminal. Off for other outputs, with NO_COLOR (no-color.org) and with TERM=dumb.

export type Paint = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'bold' | 'dim';
const CODES: Readonly<Record<Paint, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  bold: [1, 22],
  dim: [2, 22],
};

/** @param stream where the text will be written */
export function paint(
  text: string,
  style: Paint,
  stream: { readonly isTTY?: boolean } = process.stdout,
): string {
  if (!takesColour(stream)) return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Whether a stream is a terminal that can be drawn on. */
export function takesControl(stream: { readonly isTTY?: boolean } = process.stdout): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

export function takesColour(stream: { readonly isTTY?: boolean } = process.stdout): boolean {
  const { NO_COLOR: none = '', TERM: terminal } = process.env;
  return stream.isTTY === true && none === '' && terminal !== 'dumb';
}
