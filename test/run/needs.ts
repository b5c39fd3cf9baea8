// What test files need that a Debian with Node alone does not have. A run finds it in the text of a test file, of the modules below dist/test that it
// imports, and of the files beside them that these name, so that nobody keeps a list by hand. A file whose need is missing is not started.
// Where the text does not show a need, a comment near the top of the file declares it: `// needs: PACKAGE`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A Debian package, or a property of the machine. */
export interface Need {
  /** Of a package: Debian's name. */
  readonly name: string;
  readonly isMet: () => boolean;
  /** How a text shows that it uses it. */
  readonly used: RegExp;
  /** What to do where it is missing. Of a package: install it. */
  readonly fix?: string;
}

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** Its text names every program. */
const OWN = fileURLToPath(import.meta.url);
const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const ARCHITECTURE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const CALLS_CC = /\b(?:exec|spawn)\w*\('cc'/;
const RUNS_PODMAN = /\['podman',/;
/** The broker is not dumpable: proc(5) shows its descriptors to root alone. A harness counts them on request. */
const COUNTS_DESCRIPTORS = /(?<!this)\.(?:descriptors|steadyDescriptors|untilNoMoreThan)\(/;
const isRoot = process.geteuid?.() === 0;

/** Every need that a test file may have. .ci/run installs each package. */
export const NEEDS: readonly Need[] = [
  { name: 'python3', isMet: hasFile('/usr/bin/python3'), used: started('python3') },
  { name: 'python3-msgpack', isMet: hasPython('msgpack'), used: /^\s*import msgpack$/m },
  {
    name: 'python3-opentelemetry-proto',
    isMet: hasPython('opentelemetry.proto.logs.v1.logs_pb2'),
    used: /\bfrom opentelemetry\b/,
  },
  { name: 'python3-requests', isMet: hasPython('requests'), used: /\bimport requests\b/ },
  { name: 'python3-httpx', isMet: hasPython('httpx'), used: /\bimport httpx\b/ },
  // What httpx speaks HTTP/2 with.
  { name: 'python3-h2', isMet: hasPython('h2'), used: /\bimport httpx\b/ },
  { name: 'python3-boto3', isMet: hasPython('boto3'), used: /\bimport boto3\b/ },
  { name: 'python3-pip', isMet: hasPrograms('pip3'), used: started('pip3') },
  { name: 'gcc', isMet: hasPrograms('cc', 'gcc'), used: CALLS_CC },
  {
    name: 'libc6-dev',
    isMet: hasFile('/usr/include/resolv.h'),
    used: new RegExp(`${CALLS_CC.source}|/usr/include/`),
  },
  {
    name: 'libatomic1',
    isMet: hasFile(`/usr/lib/${ARCHITECTURE}-linux-gnu/libatomic.so.1`),
    used: /\bnodeOf\(26\)/,
  },
  { name: 'libseccomp-dev', isMet: hasFile('/usr/include/seccomp.h'), used: /\bseccomp\.h\b/ },
  { name: 'musl-tools', isMet: hasPrograms('musl-gcc'), used: called('compileMusl') },
  { name: 'golang-go', isMet: hasPrograms('go'), used: called('compileGo') },
  { name: 'default-jdk-headless', isMet: hasPrograms('java', 'javac'), used: called('compileJava') },
  { name: 'iproute2', isMet: hasPrograms('ip', 'ss'), used: started('ip', 'ss') },
  { name: 'iptables', isMet: hasPrograms('iptables'), used: started('iptables') },
  { name: 'procps', isMet: hasPrograms('ps', 'pgrep'), used: started('ps', 'pgrep') },
  { name: 'busybox', isMet: hasPrograms('busybox'), used: started('busybox') },
  {
    name: 'ca-certificates',
    isMet: hasFile('/etc/ssl/certs/ca-certificates.crt'),
    used: /\bca-certificates\.crt\b/,
  },
  { name: 'openssl', isMet: hasPrograms('openssl'), used: started('openssl') },
  { name: 'curl', isMet: hasPrograms('curl'), used: started('curl') },
  { name: 'wget', isMet: hasPrograms('wget'), used: started('wget') },
  { name: 'git', isMet: hasPrograms('git'), used: started('git') },
  { name: 'rsync', isMet: hasPrograms('rsync'), used: started('rsync') },
  { name: 'postgresql', isMet: hasPrograms('postgres', 'initdb', 'psql'), used: started('initdb') },
  { name: 'redis-server', isMet: hasPrograms('redis-server', 'redis-cli'), used: started('redis-server') },
  { name: 'mariadb-server', isMet: hasPrograms('mariadbd'), used: started('mariadbd') },
  { name: 'openssh-server', isMet: hasPrograms('sshd', 'ssh-keygen', 'ssh', 'sftp'), used: started('sshd') },
  { name: 'nginx-light', isMet: hasPrograms('nginx'), used: started('nginx') },
  {
    name: 'chromium-headless-shell',
    isMet: hasPrograms('chromium-headless-shell'),
    used: started('chromium-headless-shell'),
  },
  {
    name: 'systemd',
    isMet: hasPrograms('systemd-notify', 'systemd-analyze'),
    used: started('systemd-notify', 'systemd-analyze'),
  },
  { name: 'zsh', isMet: hasPrograms('zsh'), used: started('zsh') },
  { name: 'fish', isMet: hasPrograms('fish'), used: started('fish') },
  { name: 'mandoc', isMet: hasPrograms('mandoc'), used: started('mandoc') },
  { name: 'groff-base', isMet: hasPrograms('groff'), used: started('groff') },
  { name: 'lintian', isMet: hasPrograms('lintian'), used: started('lintian') },
  { name: 'bubblewrap', isMet: hasPrograms('bwrap'), used: started('bwrap') },
  { name: 'apparmor', isMet: hasPrograms('apparmor_parser'), used: started('apparmor_parser') },
  {
    name: 'prometheus',
    isMet: hasPrograms('prometheus', 'promtool'),
    used: started('prometheus', 'promtool'),
  },
  { name: 'podman', isMet: hasPrograms('podman'), used: RUNS_PODMAN },
  { name: 'runc', isMet: hasPrograms('runc'), used: RUNS_PODMAN },
  { name: 'catatonit', isMet: hasPrograms('catatonit'), used: started('catatonit') },
  { name: 'debootstrap', isMet: hasPrograms('debootstrap'), used: started('debootstrap') },
  {
    name: 'root',
    isMet: () => isRoot,
    used: COUNTS_DESCRIPTORS,
    fix: 'run the tests as root',
  },
  {
    name: 'namespaces',
    isMet: canMakeNamespaces,
    used: /\brun\/(?:postern|library)\.|(?<!function )\bdistFor\(|\('unshare'|\['unshare'/,
    fix: '`node dist/run/postern.js doctor` says how to allow them',
  },
];

/**
 * Recognises that a text starts a program: by its path, as the first word of a list or a call, or where a shell expects a command.
 * A name in a sentence or in data does not match.
 */
function started(...programs: readonly string[]): RegExp {
  const name = `(?:${programs.join('|')})`;
  return new RegExp(
    [
      String.raw`/usr/s?bin/${name}(?![\w./-])`,
      String.raw`(?:\(|\[|\[\.\.\.\[)\s*['"]${name}['"]`,
      String.raw`['"]${name}['"],\s*['"]-`,
      String.raw`(?:^|['"\`;|&(]|\$\(|-- |\bdo )\s?${name} (?:-|'|"|\$|[a-z./]+\b)`,
    ].join('|'),
    'm',
  );
}

/** Recognises that a function of the harness is called, which starts the program. */
function called(name: string): RegExp {
  return new RegExp(`(?<!function )\\b${name}\\(`);
}

const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Debian keeps the programs of a PostgreSQL server in a folder of its version. */
function foldersOfPrograms(): readonly string[] {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base) : [];
  const own = (process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...own, ...FOLDERS, ...versions.map((version) => join(base, version, 'bin'))];
}

function hasPrograms(...names: readonly string[]): () => boolean {
  return () => names.every((name) => foldersOfPrograms().some((folder) => existsSync(join(folder, name))));
}

function hasFile(path: string): () => boolean {
  return () => existsSync(path);
}

function hasPython(module: string): () => boolean {
  return () => spawnSync('/usr/bin/python3', ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
}

/** An ordinary user makes namespaces in a user namespace, and root makes them by CAP_SYS_ADMIN. Root tries postern as both. */
function canMakeNamespaces(): boolean {
  const asUser = ['unshare', '--user', '--map-root-user', '--net', 'true'];
  const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const all = isRoot
    ? [
        ['unshare', '--net', 'true'],
        [...drop, ...asUser],
      ]
    : [asUser];
  return all.every(
    ([command = '', ...args]) => spawnSync(command, args, { cwd: '/', stdio: 'ignore' }).status === 0,
  );
}

const texts = new Map<string, Text>();

/** A file below dist/test, as far as needs are found in it. */
interface Text {
  /** Without lines that are comments. */
  readonly text: string;
  readonly declared: readonly string[];
  /** Paths of the files that it names from its folder or from dist, modules too. */
  readonly names: readonly string[];
}

/** A word that may be the name of a file: as an import has it, or with a part that is filled in. */
const FILE_NAME = /[\w./-]+\.(?:js|mjs|py|c|h|sh|go|java|pl|rb)\b/gi;
const FILLED_IN = /`([\w./-]*)\$\{\w+\}([\w./-]*)`, import\.meta\.url/g;
const DECLARED = /^\/\/ needs: (.+)$/gm;
const PAGE = /\bnew Page\('([\w./-]+)'\)/g;
const BLOCK = /^```\w*\n([\s\S]*?)^```$/gm;

function readText(path: string, tests: string): Text {
  const known = texts.get(path);
  if (known !== undefined) return known;
  const whole = readFileSync(path, 'utf8');
  const code = whole.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const folder = dirname(path);
  const words = [...code.matchAll(FILE_NAME)].flatMap(([word]) => [
    join(folder, word),
    join(dirname(tests), word),
  ]);
  const filled = [...code.matchAll(FILLED_IN)].flatMap(([, before = '', after = '']) =>
    matching(join(folder, before), after),
  );
  const pages = [...code.matchAll(PAGE)].map(([, page = '']) => blocksOf(join(TOP, page)));
  const found: Text = {
    text: [code, ...pages].join('\n'),
    declared: [...whole.matchAll(DECLARED)].flatMap(([, names = '']) => names.split(', ')),
    names: [...new Set([...words, ...filled])].filter(
      (name) => name.startsWith(tests) && name !== OWN && isFile(name),
    ),
  };
  texts.set(path, found);
  return found;
}

/** The files whose path begins and ends so. */
function matching(start: string, end: string): readonly string[] {
  const folder = start.endsWith(sep) ? start : dirname(start);
  const begins = start.endsWith(sep) ? '' : basename(start);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(begins) && name.endsWith(end))
    .map((name) => join(folder, name));
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** The blocks of commands and files that a page shows. A copy without the documents has none. */
function blocksOf(page: string): string {
  if (!existsSync(page)) return '';
  return [...readFileSync(page, 'utf8').matchAll(BLOCK)].map(([, block = '']) => block).join('\n');
}

/**
 * What a test file needs, met or not.
 *
 * @param file below the folder, without `.test.js`
 * @param tests the folder of all test files
 * @throws Error where a comment declares what the table does not have
 */
export function needsOf(file: string, tests: string = TESTS): readonly Need[] {
  const reached = new Set([join(tests, `${file}.test.js`)]);
  for (const path of reached) for (const name of readText(path, tests).names) reached.add(name);
  const all = [...reached].map((path) => readText(path, tests));
  const declared = all.flatMap((text) => text.declared);
  const unknown = declared.find((name) => !NEEDS.some((need) => need.name === name));
  if (unknown !== undefined)
    throw new Error(`${file} needs "${unknown}", which test/run/needs.ts does not know`);
  return NEEDS.filter(({ name, used }) => declared.includes(name) || all.some(({ text }) => used.test(text)));
}

const met = new Map<Need, boolean>();

/** What a test file needs and this machine does not have. */
export function missingFor(file: string): readonly Need[] {
  return needsOf(file).filter((need) => !isMet(need));
}

function isMet(need: Need): boolean {
  const known = met.get(need) ?? need.isMet();
  met.set(need, known);
  return known;
}

/** What to do about missing needs, in one line. */
export function fixOf(missing: readonly Need[]): string {
  const packages = missing.filter(({ fix }) => fix === undefined).map(({ name }) => name);
  const installed = packages.length === 0 ? [] : [`apt-get install ${packages.join(' ')}`];
  return [...installed, ...missing.flatMap(({ fix = [] }) => fix)].join('; ');
}

/** Each need with the number of the files that have it, as lines. */
export function listNeeds(files: readonly string[]): readonly string[] {
  const all = files.flatMap((file) => needsOf(file));
  const width = Math.max(...NEEDS.map(({ name }) => name.length));
  return NEEDS.map((need) => ({ need, count: all.filter((one) => one === need).length }))
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
    .map(
      ({ need, count }) =>
        `${need.name.padEnd(width)}  ${`${count}`.padStart(3)} files${isMet(need) ? '' : '  missing here'}`,
    );
}
