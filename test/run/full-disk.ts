// A run whose reports find no room on the disk can tell nothing about the tests. It ends at once, with a sentence and status 2.
const CODES = ['ENOSPC', 'EDQUOT'];

/** Does something that writes into a folder. A full disk ends the process. */
export function withRoom<T>(folder: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!CODES.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    console.error(`Cannot run tests: no space left in "${folder}"`);
    process.exit(2);
  }
}
