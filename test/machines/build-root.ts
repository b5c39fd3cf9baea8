// The disk of a machine: Debian with what the tests need, made once by debootstrap(8) and kept. For another architecture
// than this host's, its second stage runs inside the machine itself.
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boot } from './boot.js';
import { cached } from './cache.js';
import { command } from './command.js';
import { MIRROR, SUITE } from './debian-archive.js';
import type { Kernel } from './fetch-kernel.js';
import { type Architecture, type Machine, USER } from './machines.js';
import { makeDisk } from './make-disk.js';

const PACKAGES = [
  ...['systemd-sysv', 'dbus', 'dbus-user-session', 'libpam-systemd', 'kmod', 'libseccomp2', 'libcap-ng0'],
  ...['python3', 'python3-msgpack', 'curl', 'openssl', 'procps', 'iproute2', 'util-linux', 'mount'],
];
/** Packages that a machine of another architecture need not install: none of its steps compiles, and its Node is from nodejs.org. */
const NATIVE_ONLY = ['nodejs', 'gcc', 'libc6-dev', 'libseccomp-dev'];
const SIZE_MIB = 3_072;
const SECOND_STAGE_SECONDS = 3_600;
const HOST = { x64: 'amd64', arm64: 'arm64' } as const;
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** @param log where the console of a second stage is written */
export function buildRoot(
  { architecture, packages: more = [] }: Machine,
  kernel: Kernel,
  log: string,
): Promise<string> {
  const foreign = HOST[process.arch as keyof typeof HOST] !== architecture;
  const packages = [...PACKAGES, ...(foreign ? [] : NATIVE_ONLY), ...more];
  const made = createHash('sha256').update(packages.join()).update(MIRROR);
  for (const name of foreign ? ['set-up-root.sh', 'second-stage.sh'] : ['set-up-root.sh'])
    made.update(readFileSync(script(name)));
  const name = `roots/debian13-${architecture}-${made.digest('hex').slice(0, 12)}.ext4`;
  return cached(name, async (disk) => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-root-'));
    const root = join(folder, 'root');
    try {
      await command(
        [
          // What it mounts there, and leaves where it fails, ends with the namespace.
          ...[
            'unshare',
            '--mount',
            'debootstrap',
            '--variant=minbase',
            `--arch=${architecture}`,
            `--include=${packages.join()}`,
          ],
          ...(foreign ? ['--foreign'] : []),
          ...[SUITE, root, MIRROR],
        ],
        { seconds: 3_600 },
      );
      mkdirSync(join(root, 'opt/postern'), { recursive: true });
      for (const name of ['set-up-root.sh', 'second-stage.sh'])
        copyFileSync(script(name), join(root, 'opt', name));
      chmodSync(join(root, 'opt/second-stage.sh'), 0o755);
      if (!foreign) {
        await command(['chroot', root, 'sh', '/opt/set-up-root.sh', USER], { seconds: 120 });
        rmSync(join(root, 'var/cache/apt'), { recursive: true, force: true });
      }
      await makeDisk(root, disk, SIZE_MIB);
    } finally {
      rmSync(folder, { recursive: true });
    }
    if (foreign) await secondStage(architecture, kernel, disk, log);
  });
}

async function secondStage(
  architecture: Architecture,
  kernel: Kernel,
  disk: string,
  log: string,
): Promise<void> {
  let done = false;
  await boot({
    architecture,
    kernel,
    disks: [{ file: disk, keep: true }],
    words: ['postern.init=/opt/second-stage.sh'],
    seconds: SECOND_STAGE_SECONDS,
    console: log,
    heard: (line) => {
      done ||= line === 'done';
    },
  });
  if (!done) throw new Error(`The second stage of debootstrap did not end well; its console: ${log}`);
}
