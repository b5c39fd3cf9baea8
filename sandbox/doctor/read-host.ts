// Reads the facts that the checks judge. Changes nothing: the namespaces of a probe end with it.
import { readlinkSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { networkInterfaces, release } from 'node:os';
import { join, relative, sep } from 'node:path';
import { bundlePath } from '../../shared/bundles.js';
import { PosternError } from '../../shared/errors.js';
import { readIfThere } from '../../shared/read-file.js';
import { seccompVersion } from '../../shared/sys/call-numbers.js';
import { kernelFeatures } from '../../shared/sys/kernel-features.js';
import { landlockVersion } from '../../shared/sys/landlock.js';
import { SystemError } from '../../shared/sys/libc.js';
import { loadLibrary } from '../../shared/sys/load-library.js';
import { getLimit, RLIMIT } from '../../shared/sys/rlimit.js';
import { readConfinement } from '../host/confinement.js';
import { findProgram } from '../host/find-program.js';
import { configuredIds, DEFAULT_BASE } from '../host/id-range.js';
import { APPARMOR_SETTING, NAMESPACE_SETTINGS, readSetting } from '../host/namespaces-failure.js';
import { openOwnCode } from '../host/own-code.js';
import { ownPrivileges } from '../host/privileges.js';
import { surveyCgroup } from '../supervisor/cgroup/survey-cgroup.js';
import { DUMPABLE_SETTING, YAMA_SETTING } from './check-kernel.js';
import type { HostFacts, LibraryFact, OwnCodeFact } from './host-facts.js';
import { probeUnshare } from './probe-unshare.js';

const SETTINGS = [...NAMESPACE_SETTINGS, APPARMOR_SETTING, YAMA_SETTING, DUMPABLE_SETTING];

export function readHost(): HostFacts {
  const root = process.geteuid?.() === 0;
  const ids = configuredIds();
  return {
    platform: process.platform,
    release: release(),
    architecture: process.arch,
    nodeVersion: process.version,
    ...readConfinement(),
    root,
    distribution: readDistribution(),
    settings: Object.fromEntries(SETTINGS.map((name) => [name, readSetting(name)])),
    gidMap: readIfThere('/proc/self/gid_map') ?? '',
    subordinate: { ...ids, configured: ids.base !== DEFAULT_BASE },
    ownCode: findClosedPath(),
    ...probeUnshare(ownsMounts() ? ids.base : undefined),
    libseccomp: readLibrary(() => ({ loads: true, version: seccompVersion() })),
    libcapNg: readLibrary(() => {
      loadLibrary('libcap-ng.so.0', 'libcap-ng0');
      return { loads: true };
    }),
    shell: findProgram('sh', '/', '/bin') !== undefined,
    kernel: kernelFeatures(),
    landlock: readLandlock(),
    resolvConf: readIfThere('/etc/resolv.conf'),
    descriptorLimit: Number(getLimit(RLIMIT.NOFILE).hard),
    loopback: networkInterfaces()['lo'] !== undefined,
    cgroup: surveyCgroup(),
  };
}

/** os-release(5) */
function readDistribution(): readonly string[] {
  const text = readIfThere('/etc/os-release') ?? readIfThere('/usr/lib/os-release') ?? '';
  return ['ID', 'ID_LIKE'].flatMap((key) => {
    const value = new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(text)?.[1] ?? '';
    return value.split(' ').filter((word) => word !== '');
  });
}

function readLibrary(load: () => LibraryFact): LibraryFact {
  try {
    return load();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      loads: false,
      why: (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '',
    };
  }
}

function readLandlock(): number | string {
  try {
    return landlockVersion();
  } catch (error) {
    if (error instanceof SystemError) return error.code;
    throw error;
  }
}

/** Root that copies the host's mounts gives the namespaces to the broker's id. Any other user owns them itself. */
function ownsMounts(): boolean {
  try {
    return ownPrivileges() === 'root';
  } catch (error) {
    // The trial reports it.
    if (error instanceof PosternError) return false;
    throw error;
  }
}

// As root the launcher runs with its own id, and must be able to read postern's files. The folders above the one that
// holds them may stay closed: the launcher enters that one by its descriptor.

const READ = 0o4;
const ENTER = 0o1;

function findClosedPath(): OwnCodeFact {
  const code = openOwnCode();
  try {
    const folder = readlinkSync(`/proc/self/fd/${code.folder.number}`);
    const library = relative(folder, createRequire(bundlePath('launcher')).resolve('koffi'));
    const paths = [code.launcher, code.init, library].flatMap((path) => stepsOf(folder, path));
    for (const path of [folder, ...new Set(paths), process.execPath]) {
      const stats = statSync(path);
      const wanted = stats.isDirectory() || path === process.execPath ? READ | ENTER : READ;
      if ((stats.mode & wanted) !== wanted)
        return { folder, closed: { path, mode: (stats.mode & 0o777).toString(8) } };
    }
    return { folder };
  } finally {
    code.node.close();
    code.folder.close();
  }
}

/** Each folder on the way from `folder`, and the file. */
function stepsOf(folder: string, path: string): readonly string[] {
  const parts = path.split(sep);
  return parts.map((_, index) => join(folder, ...parts.slice(0, index + 1)));
}
