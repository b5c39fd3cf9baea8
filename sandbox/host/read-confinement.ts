// Reads the confinement of postern: its container, and what that forbids. A failed start calls it too, so it runs no program.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import type { Confinement } from './confinement.js';
import { findContainer } from './find-container.js';

export function readConfinement(): Confinement {
  return {
    container: findContainer({ exists: existsSync, read, environment: process.env }),
    root: process.geteuid?.() === 0,
    nodePath: realpathSync(process.execPath),
    seccompMode: Number(/^Seccomp:\s*(\d)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? 0),
    appArmorLabel: read('/proc/self/attr/apparmor/current')?.trim(),
    mountInfo: read('/proc/self/mountinfo') ?? '',
    uidMap: read('/proc/self/uid_map') ?? '',
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
