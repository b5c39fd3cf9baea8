// The second disk of a machine: this checkout as compiled, with what it needs at run time, the machine's Node, its kernel's
// modules, and the steps to run.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dockerDefault } from '../containers/docker-default.js';
import { image } from '../containers/image.js';
import { succeed } from '../containers/podman.js';
import { cached } from './cache.js';
import { command } from './command.js';
import type { Kernel } from './fetch-kernel.js';
import type { Architecture, Machine } from './machines.js';
import { makeDisk } from './make-disk.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const CPU = { amd64: 'x64', arm64: 'arm64' } as const;
/** Packages that only the tests import. */
const FOR_TESTS = ['fast-check', 'pure-rand', 'undici', 'esbuild', 'typescript'];
/** The programs, and the sources that builds without a protection are made from. */
const OWN = ['dist', 'broker', 'deploy', 'sandbox', 'shared', 'tsconfig.json'];
const SIZE_MIB = 2_048;

/** @param folder an empty one */
export async function buildPayload(machine: Machine, kernel: Kernel, folder: string): Promise<string> {
  const tree = join(folder, 'payload');
  mkdirSync(tree);
  copyFileSync(join(top, 'package.json'), join(tree, 'package.json'));
  for (const name of OWN)
    cpSync(join(top, name), join(tree, name), { recursive: true, verbatimSymlinks: true });
  for (const module of await modulesNeeded()) {
    const to = join(tree, relative(top, module));
    if (existsSync(module)) cpSync(module, to, { recursive: true, verbatimSymlinks: true });
  }
  await addNative(tree, machine.architecture);
  cpSync(kernel.modules, join(tree, 'modules'), { recursive: true, verbatimSymlinks: true });
  if (machine.node !== 'debian')
    copyFileSync(await fetchNode(machine.architecture, machine.node), join(tree, 'node'));
  if (machine.deb === true) await buildDebs(join(tree, 'deb'), folder);
  if (machine.image === true) await addImage(join(tree, 'image'));
  copyFileSync(fileURLToPath(new URL('start.sh', import.meta.url)), join(tree, 'start.sh'));
  writeFileSync(join(tree, 'steps.json'), JSON.stringify(machine.steps));
  const disk = join(folder, 'payload.ext4');
  await makeDisk(tree, disk, SIZE_MIB);
  return disk;
}

async function modulesNeeded(): Promise<readonly string[]> {
  const listed = await command(['npm', 'ls', '--omit=dev', '--all', '--parseable'], {
    seconds: 60,
    cwd: top,
  });
  return [
    ...listed.split('\n').slice(1).filter(Boolean),
    ...FOR_TESTS.map((name) => join(top, 'node_modules', name)),
  ];
}

/** The Debian package, and the same with a higher version. */
async function buildDebs(into: string, folder: string): Promise<void> {
  const work = join(folder, 'npm');
  for (const made of [into, work]) mkdirSync(made);
  const build = async (tarball: string): Promise<void> => {
    await command([join(top, 'deploy/debian/build.sh'), tarball.trim(), into], { seconds: 900, cwd: work });
  };
  const packing = ['npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', work];
  await build(await command([...packing, top], { seconds: 300 }));
  await command(['sh', '-c', 'tar -xzf *.tgz && cd package && npm version patch --no-git-tag-version'], {
    seconds: 120,
    cwd: work,
  });
  await build(await command([...packing, './package'], { seconds: 300, cwd: work }));
}

/** postern's image as docs/containers.md makes it, and the default seccomp profile of Docker. */
async function addImage(into: string): Promise<void> {
  mkdirSync(into);
  copyFileSync(await dockerDefault(), join(into, 'seccomp.json'));
  const save = ['podman', 'save', '--format', 'docker-archive', '--output', join(into, 'postern.tar')];
  await succeed([...save, await image()]);
}

/** The compiled parts of packages for that architecture, in the versions that are installed here. */
async function addNative(tree: string, architecture: Architecture): Promise<void> {
  const cpu = CPU[architecture];
  for (const [owner, name] of [
    ['koffi', `@koromix/koffi-linux-${cpu}`],
    ['esbuild', `@esbuild/linux-${cpu}`],
  ] as const) {
    const manifest = readFileSync(join(top, 'node_modules', owner, 'package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    const to = join(tree, 'node_modules', name);
    if (!existsSync(to)) cpSync(await fetchPackage(name, version), to, { recursive: true });
  }
}

async function fetchNode(architecture: Architecture, major: number): Promise<string> {
  return join(await fetchPackage(`node-linux-${CPU[architecture]}`, `${major}`), 'bin/node');
}

/** A package of the registry, unpacked. */
function fetchPackage(name: string, version: string): Promise<string> {
  return cached(`npm/${name.replaceAll('/', '-')}-${version}`, async (path) => {
    mkdirSync(path);
    await command(['npm', 'pack', `${name}@${version}`, '--silent', '--pack-destination', path], {
      seconds: 300,
    });
    const [file = ''] = readdirSync(path);
    await command(['tar', '-xzf', file, '--strip-components=1'], { seconds: 120, cwd: path });
  });
}
