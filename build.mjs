// Compiles the sources to dist/, bundles the programs, writes the man pages, copies the test data beside the compiled tests, and removes what no source stands for. It does nothing
// if no source has changed since the last build; --anew builds all the same. Exit status: 1 where the sources do not compile, 2 where this machine cannot
// build.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = dirname(fileURLToPath(import.meta.url));
const dist = join(top, 'dist');
const rooms = ['broker', 'sandbox', 'shared', 'test', 'deploy'];

const leastNode = Number(
  /\d+/.exec(JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).engines.node)[0],
);
if (Number.parseInt(process.versions.node, 10) < leastNode)
  stop(`Node ${process.versions.node} is too old; postern needs Node ${leastNode} or later`);
// The compiler in native code. What reads a syntax tree in a test, and dependency-cruiser, needs the one before, in JavaScript.
const COMPILER = 'typescript-native';
const needed = [COMPILER, 'esbuild'];
const missing = needed.filter((name) => !existsSync(join(top, 'node_modules', name, 'package.json')));
if (missing.length > 0)
  stop(`${missing.join(' and ')} missing in node_modules; run npm ci in "${top}" first`);
const isData = (path) => !path.endsWith('.ts');

/** A line for each source, and for what the build is made with: path, size and time. */
function stateOfSources() {
  const others = ['build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json', 'CHANGELOG.md'];
  const listed = rooms.flatMap((room) =>
    readdirSync(join(top, room), { recursive: true, encoding: 'utf8' }).map((path) => join(room, path)),
  );
  return [process.version, ...[...others, ...listed.sort()].map(stateOf)].join('\n');
}

function stateOf(path) {
  const { size, mtimeMs } = statSync(join(top, path));
  return `${path} ${size} ${mtimeMs}`;
}

function removeOrphans(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const source = join(top, relative(dist, path).replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts'));
    if (!existsSync(source) && !existsSync(source.replace(/\.ts$/, '.d.ts')))
      rmSync(path, { recursive: true });
    else if (entry.isDirectory()) removeOrphans(path);
  }
}

// What the last build was made of. If it is the same now, dist/ is what this build would make.
const stamp = join(dist, '.built-of');
const sources = stateOfSources();
if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources && !process.argv.includes('--anew'))
  process.exit(0);
try {
  rmSync(stamp, { force: true });
  await build();
} catch (error) {
  // A full disk is what a compiler or a copy says of it.
  if (!/ENOSPC|EDQUOT|no space left|quota exceeded/i.test(`${error.code} ${error.message}`)) throw error;
  stop(`no space left in "${dist}"`);
}

function stop(why) {
  console.error(`Cannot build: ${why}`);
  process.exit(2);
}

async function build() {
  for (const room of rooms) removeOrphans(join(dist, room));
  compile();
  cpSync(join(top, 'test'), join(dist, 'test'), {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || isData(path),
  });
  // The compiler leaves a file of types as it is.
  cpSync(join(top, 'sandbox/library/index.d.cts'), join(dist, 'sandbox/library/index.d.cts'));
  cpSync(join(top, 'deploy/command.sh'), join(dist, 'deploy/command.sh'));
  const { bundle } = await import('./dist/deploy/bundle.js');
  bundle(dist);
  // Modules of the checks read a bundle when they are loaded.
  const { configJsonSchema } = await import('./dist/shared/config/json-schema.js');
  writeFileSync(join(dist, 'postern.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  const { writeManPages } = await import('./dist/deploy/man-pages.js');
  writeManPages(top, join(dist, 'man'));
  writeFileSync(stamp, sources);
}

/** Shows what the compiler says, unless that is a full disk. The second project is checked alone: deploy/bundle-page.ts compiles it for the browser. */
function compile() {
  for (const project of [top, join(top, 'sandbox/page')]) compileProject(project);
}

function compileProject(project) {
  const words = [
    join(top, 'node_modules', COMPILER, 'bin/tsc'),
    '-p',
    project,
    '--pretty',
    `${process.stdout.isTTY === true}`,
  ];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  if (status === 0) return;
  const said = `${stdout}${stderr}`;
  if (/ENOSPC|EDQUOT/.test(said)) throw new Error(said);
  process.stdout.write(said);
  if (error !== undefined) throw error;
  process.exit(1);
}
