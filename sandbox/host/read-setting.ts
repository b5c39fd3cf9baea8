// A setting of the kernel's by its sysctl(8) name.
import { readFileSync } from 'node:fs';

/** @returns its value without white space at the ends; undefined where the kernel has none of that name */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
