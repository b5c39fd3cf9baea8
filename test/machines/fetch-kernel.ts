// A kernel of Debian's archive with its modules, and the initrd that gets from it to the machine's disk.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.js';
import { chooseRelease } from './choose-release.js';
import { command } from './command.js';
import { openArchive } from './debian-archive.js';
import type { Architecture } from './machines.js';

export interface Kernel {
  readonly image: string;
  readonly initrd: string;
  /** The path of a folder with the contents of its /usr/lib/modules. */
  readonly modules: string;
}

/** Modules for the machine's disks and its port to the host, where they are not built in. */
const FOR_INITRD = ['virtio_pci', 'virtio_blk', 'ext4', 'virtio_console'];

/** @param version the version's first numbers, or "newest" */
export async function fetchKernel(architecture: Architecture, version: string): Promise<Kernel> {
  const folder = await cached(`kernels/${version}-${architecture}`, (path) =>
    fetchInto(path, architecture, version),
  );
  return {
    image: join(folder, 'image'),
    initrd: join(folder, 'initrd'),
    modules: join(folder, 'modules'),
  };
}

async function fetchInto(path: string, architecture: Architecture, version: string): Promise<void> {
  const archive = await openArchive(architecture);
  const names = await archive.names('linux-');
  const release = chooseRelease(names, architecture, version);
  const parts = ['image', 'binary', 'modules'].map((part) => `linux-${part}-${release}`);
  const unpacked = mkdtempSync(join(tmpdir(), 'postern-kernel-'));
  try {
    await archive.unpack([...parts.filter((name) => names.includes(name)), 'busybox-static'], unpacked);
    mkdirSync(path);
    const image = [`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`]
      .map((file) => join(unpacked, file))
      .find(existsSync);
    if (image === undefined) throw new Error(`The packages of kernel ${release} hold no vmlinuz`);
    copyFileSync(image, join(path, 'image'));
    for (const folder of ['lib/modules', 'usr/lib/modules'])
      if (existsSync(join(unpacked, folder)))
        cpSync(join(unpacked, folder), join(path, 'modules'), { recursive: true });
    const tree = join(unpacked, 'tree');
    mkdirSync(join(tree, 'lib'), { recursive: true });
    cpSync(join(path, 'modules'), join(tree, 'lib/modules'), { recursive: true });
    await command(['depmod', '-b', tree, release], { seconds: 120 });
    cpSync(join(tree, 'lib/modules'), join(path, 'modules'), { recursive: true });
    await buildInitrd(unpacked, join(path, 'modules', release), join(path, 'initrd'));
  } finally {
    rmSync(unpacked, { recursive: true });
  }
}

async function buildInitrd(unpacked: string, modules: string, initrd: string): Promise<void> {
  const top = join(unpacked, 'initrd');
  mkdirSync(join(top, 'bin'), { recursive: true });
  mkdirSync(join(top, 'modules'));
  const busybox = ['usr/bin/busybox', 'bin/busybox'].map((file) => join(unpacked, file)).find(existsSync);
  if (busybox === undefined) throw new Error('The package busybox-static holds no busybox');
  copyFileSync(busybox, join(top, 'bin/busybox'));
  copyFileSync(fileURLToPath(new URL('initrd-init.sh', import.meta.url)), join(top, 'init'));
  chmodSync(join(top, 'init'), 0o755);
  for (const [number, file] of inOrder(modules, FOR_INITRD).entries()) {
    const to = join(top, 'modules', `${String(number).padStart(2, '0')}-${basename(file)}`);
    copyFileSync(join(modules, file), to);
    if (to.endsWith('.xz')) await command(['xz', '--decompress', to], { seconds: 60 });
  }
  const files = readdirSync(top, { recursive: true, encoding: 'utf8' });
  const packing = ['cpio', '--create', '--format=newc', '--quiet', '--owner=0:0', `--file=${initrd}`];
  await command(packing, { seconds: 60, cwd: top, input: files.join('\n') });
  writeFileSync(`${initrd}.txt`, files.join('\n'));
}

/** The files of the modules and their dependencies, dependencies first. Built-in modules have no file. */
function inOrder(modules: string, wanted: readonly string[]): string[] {
  const depends = new Map(
    readFileSync(join(modules, 'modules.dep'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [file = '', after = ''] = line.split(':');
        return [file, after.split(' ').filter(Boolean)] as const;
      }),
  );
  const files = [...depends.keys()];
  const ordered = new Set<string>();
  for (const name of wanted) {
    const file = files.find((path) => basename(path).split('.')[0]?.replaceAll('-', '_') === name);
    // modprobe(8) loads a line of modules.dep from its end.
    if (file !== undefined)
      for (const needed of [file, ...(depends.get(file) ?? [])].reverse()) ordered.add(needed);
  }
  return [...ordered];
}
