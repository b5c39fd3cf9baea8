// Asks the kernel: runs unshare(1) in the way a sandbox is started. Where root asks, an id without capabilities runs it.
import { spawnSync } from 'node:child_process';
import { findProgram, SYSTEM_PATH } from '../host/find-program.js';
import type { Probe, UnshareFact } from './host-facts.js';

const TIMEOUT_MS = 5_000;
const LABEL = 'cat /proc/self/attr/apparmor/current 2>/dev/null; true';
const NAMESPACE = ['--user', '--keep-caps', '--'];
/** As a user the sandboxes' namespaces are made in that of the brokers. */
const OUTER_NAMESPACE = ['--user', '--map-root-user', '--', 'unshare'];

export interface UnshareAnswers {
  readonly unshare: UnshareFact | undefined;
  readonly namespaces: Probe | undefined;
  readonly freshProc: Probe | undefined;
}

/** @param owner where root starts postern, the id that makes the sandboxes' user namespaces */
export function probeUnshare(owner: number | undefined): UnshareAnswers {
  const path = findProgram('unshare', '/', SYSTEM_PATH);
  if (path === undefined) return { unshare: undefined, namespaces: undefined, freshProc: undefined };
  const run = (args: readonly string[], as?: number): ReturnType<typeof spawnSync> =>
    spawnSync(path, [...args], {
      cwd: '/',
      env: { PATH: SYSTEM_PATH },
      timeout: TIMEOUT_MS,
      encoding: 'utf8',
      ...(as === undefined ? {} : { uid: as, gid: as }),
    });
  const probe = (args: readonly string[]): Probe => {
    const asOwner = run(args, owner);
    // EINVAL of setresuid(2): the id is not mapped here. Another check reports that.
    const unmapped =
      owner !== undefined && (asOwner.error as NodeJS.ErrnoException | undefined)?.code === 'EINVAL';
    const { status, stdout, stderr, error } = unmapped ? run(args) : asOwner;
    const words = `${error?.message ?? stderr}`.trim().split('\n')[0] ?? '';
    return {
      works: status === 0,
      words: words || `unshare: status ${status}`,
      label: `${stdout}`.trim() || undefined,
    };
  };
  const outer = process.geteuid?.() === 0 ? [] : OUTER_NAMESPACE;
  const namespaces = probe([...outer, ...NAMESPACE, '/bin/sh', '-c', LABEL]);
  return {
    unshare: {
      path,
      version: `${run(['--version']).stdout}`.trim().split('\n')[0] || 'of unknown version',
      keepsCapabilities: /--keep-caps/.test(`${run(['--help']).stdout}`),
      misses: ['nsenter', 'setpriv'].find((name) => findProgram(name, '/', SYSTEM_PATH) === undefined),
    },
    namespaces,
    freshProc: namespaces.works
      ? probe([
          '--user',
          '--map-root-user',
          '--mount',
          '--pid',
          '--fork',
          '--mount-proc',
          '--',
          '/bin/sh',
          '-c',
          ':',
        ])
      : undefined,
  };
}
