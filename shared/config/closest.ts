// Finds the known word that a mistyped one was meant to be.
import { distance } from 'fastest-levenshtein';

/**
 * @param word as written
 * @param known the known words
 * @returns the nearest known word, if it is near enough to be meant
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const typed = word.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  // Two letters in the wrong order are two edits.
  let least = (word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const candidate of known) {
    const edits = distance(typed, candidate.toLowerCase().replaceAll('-', '_'));
    if (edits < least) {
      best = candidate;
      least = edits;
    }
  }
  // A word may be cut short, as delay for delay_ms.
  return best ?? (typed.length < 4 ? undefined : [...known].find((candidate) => candidate.startsWith(typed)));
}

/** `did you mean "command"?`, if a known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const near = closest(word, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
