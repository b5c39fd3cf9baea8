// What the figures were measured on.
import { cpus, loadavg, release } from 'node:os';

export interface Host {
  readonly processors: string;
  readonly kernel: string;
  readonly node: string;
  readonly user: 'root' | 'user';
  /** Over the minute before the run. */
  readonly load: number;
  readonly date: string;
}

export function describeHost(): Host {
  const all = cpus();
  return {
    processors: `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`,
    kernel: `Linux ${release()}`,
    node: process.version,
    user: process.geteuid?.() === 0 ? 'root' : 'user',
    load: loadavg()[0] ?? Number.NaN,
    date: new Date().toISOString().slice(0, 10),
  };
}
