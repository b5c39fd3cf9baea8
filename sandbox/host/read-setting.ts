// Reads a kernel setting by its sysctl(8) name.
import { readFileSync } from 'node:fs';

/** @returns the value, trimmed; undefined where the kernel has no such setting */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
