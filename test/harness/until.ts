// Waits within a time limit for a condition to become true.
import { PATIENCE } from './patience.js';

/** Asks every few milliseconds until there is an answer. @throws Error after the time limit */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 10_000,
): Promise<T> {
  const end = Date.now() + timeoutMs * PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`Not so within ${timeoutMs} ms: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
