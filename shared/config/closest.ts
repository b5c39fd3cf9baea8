// The known word that a mistyped one was meant to be.
import { distance } from 'fastest-levenshtein';

/**
 * @param word what was written
 * @param known what there is
 * @returns the nearest known word, where it is near enough to be what was meant
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const typed = word.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  // Two letters that changed places are two edits.
  let least = (word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const candidate of known) {
    const edits = distance(typed, candidate.toLowerCase().replaceAll('-', '_'));
    if (edits < least) {
      best = candidate;
      least = edits;
    }
  }
  // Of a word that was cut short, as delay of delay_ms.
  return best ?? (typed.length < 4 ? undefined : [...known].find((candidate) => candidate.startsWith(typed)));
}

/** `did you mean "command"?`, where something is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const near = closest(word, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
