// The image of deploy/container/Containerfile with this tree's package, on a Debian that debootstrap makes. Kept from one run to the
// next: the Debian, and the image until the package changes.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { distFor } from '../harness/users.js';
import { ownLimits, run, succeed } from './podman.js';

const BASE = 'localhost/postern-test-debian';
const IMAGE = 'localhost/postern-test';
const SUITE = 'trixie';
const TRY_AGAIN_MS = 200;

/** @returns the image's name */
export async function image(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-image-'));
  const unlock = await lock('\0postern/tests/image');
  try {
    return await makeImage(folder);
  } finally {
    unlock();
    rmSync(folder, { recursive: true });
  }
}

async function makeImage(folder: string): Promise<string> {
  const top = join(distFor('root'), '..');
  const containerfile = join(top, 'deploy/container/Containerfile');
  await succeed(['npm', 'pack', top, '--ignore-scripts', '--pack-destination', folder], folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, tarball)))
    .update(readFileSync(containerfile))
    .digest('hex');
  const name = `${IMAGE}:${digest.slice(0, 16)}`;
  if (await exists(name)) return name;
  if (!(await exists(BASE))) await makeBase(folder);
  const prefix = join(folder, 'prefix');
  await succeed(
    ['npm', 'install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', join(folder, tarball)],
    folder,
  );
  const arguments_ = [
    '--network=host',
    ...ownLimits(),
    '--build-arg',
    `BASE=${BASE}`,
    '--file',
    containerfile,
  ];
  await succeed(['podman', 'build', ...arguments_, '--tag', name, prefix]);
  await removeOthers(name);
  return name;
}

async function makeBase(folder: string): Promise<void> {
  const root = join(folder, 'root');
  await succeed(['debootstrap', '--variant=minbase', SUITE, root]);
  await succeed(['sh', '-c', 'tar -C "$1" -cf - . | podman import - "$2"', 'sh', root, BASE]);
}

async function exists(name: string): Promise<boolean> {
  return (await run(['podman', 'image', 'exists', name])).status === 0;
}

/** Of other versions of the package. One that a container of another run still uses stays. */
async function removeOthers(name: string): Promise<void> {
  const listed = await succeed(['podman', 'images', '--format', '{{.Repository}}:{{.Tag}}', IMAGE]);
  const others = listed.split('\n').filter((other) => other !== '' && other !== name);
  if (others.length > 0) await run(['podman', 'rmi', ...others]);
}

/** Test files run beside each other, and one of them makes the image. */
async function lock(path: string): Promise<() => void> {
  for (;;) {
    const server = createServer();
    const taken = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen({ path }, () => resolve(true));
    });
    if (taken) return () => void server.close();
    await pause(TRY_AGAIN_MS);
  }
}
