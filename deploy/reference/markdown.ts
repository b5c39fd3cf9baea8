// Markdown for the reference pages.

/** A table. Cells are Markdown; a `|` in one is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A table of words and their meanings. */
export function meanings(head: string, words: Readonly<Record<string, string>>): string {
  return table(
    [head, 'meaning'],
    Object.entries(words).map(([word, meaning]) => [code(word), meaning]),
  );
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** `a`, `b` or `c`. */
export function choice(words: readonly string[]): string {
  return words
    .map(code)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');
}
