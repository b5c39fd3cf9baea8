// Sets the contestants of a measure up, and takes them down. A peer that does not work here is listed with its reason.
import type { Absent, Contestant, Scene } from './measure.js';

/** A contestant before it is set up. */
export interface Part extends Pick<Contestant, 'name' | 'role' | 'checkout'> {
  /** @returns what it does, or why this host cannot have it */
  readonly open: () => Promise<Opened | string>;
}

export interface Opened extends Pick<Contestant, 'round' | 'warmUp'> {
  readonly close: () => Promise<void>;
}

/** @param closeAfter what ends after all contestants */
export async function openScene(
  parts: readonly Part[],
  closeAfter: () => Promise<void> = async () => {},
): Promise<Scene> {
  const contestants: Contestant[] = [];
  const absent: Absent[] = [];
  const opened: Opened[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened) await one.close();
    await closeAfter();
  };
  try {
    for (const { open, ...part } of parts) {
      const one = await open().catch((error: Error) => {
        // Only peers may fail: the rest is what the bench is for.
        if (part.role !== 'peer') throw error;
        return error.message;
      });
      if (typeof one === 'string') {
        absent.push({ name: part.name, why: one.trim().replace(/\s+/g, ' ') });
        continue;
      }
      opened.push(one);
      contestants.push({ ...part, ...one });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { contestants, absent, close };
}
