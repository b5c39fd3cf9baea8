// A plugin with a gateway, and an HTTPS server for it that says what it hears: scenes of several tests.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Internet, startInternet } from '../docs/internet.js';
import { childrenOf, commandOf } from '../harness/processes.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

export const SECRET = 'ghs_never-seen-by-the-program-0123';
export const HOST = 'api.example.com';
export const OTHER = 'other.example.com';
/** The port of {@link startUpstream}. */
export const PORT = 8443;

export interface GatewayScene {
  /** Where the program runs. It reads what is there. */
  readonly folder: string;
  readonly config: string;
  /** The file with the secret. */
  readonly token: string;
  readonly audit: string;
}

export interface GatewayPlan {
  readonly command: readonly string[];
  /** Rules. By default {@link HOST} at two ports, and {@link OTHER}. */
  readonly allow?: readonly string[];
  /** What `gateway` has for {@link HOST}, as YAML. */
  readonly gateway: string;
  /** More secrets, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** More secrets, from elsewhere than a file: `{env: NAME}`. */
  readonly sources?: Readonly<Record<string, object>>;
  /** More of the file, as a line of YAML each. */
  readonly top?: readonly string[];
  /** More of the plugin, as a line of YAML each. */
  readonly more?: readonly string[];
}

/** Writes a file for `up` with one plugin, `agent`. */
export function writeScene(
  as: User,
  {
    command,
    allow = [`${HOST}:443,${PORT}`, OTHER],
    gateway,
    secrets = {},
    sources = {},
    top = [],
    more = [],
  }: GatewayPlan,
): GatewayScene {
  const [folder, kept] = [readableFolder(), readableFolder()];
  const token = join(kept, 'token');
  const files = Object.entries({ ...secrets, github: SECRET }).map(([name, value]) => {
    const path = name === 'github' ? token : join(kept, name);
    writeFileSync(path, `${value}\n`);
    chmodSync(path, 0o600);
    return [name, { file: path }] as const;
  });
  chmodSync(kept, 0o700);
  const config = join(folder, 'postern.yaml');
  const audit = join(kept, 'audit.log');
  writeFileSync(
    config,
    `audit: ${audit}
secrets: ${JSON.stringify({ ...Object.fromEntries(files), ...sources })}
${top.map((line) => `${line}\n`).join('')}plugins:
  agent:
    command: ${JSON.stringify(command)}
    cwd: ${folder}
    allow: ${JSON.stringify(allow)}
${more.map((line) => `    ${line}\n`).join('')}    gateway:
      ${HOST}: ${gateway}
`,
  );
  for (const path of [folder, kept, config, ...files.map(([, { file }]) => file)]) chownTo(as, path);
  return { folder, config, token, audit };
}

/** What the program printed, by lines. */
export function linesOf(stdout: string): readonly string[] {
  return stdout.split('\n').flatMap((line) => /^agent[^ ]* +\|? ?(.*)$/.exec(line)?.[1] ?? []);
}

/** The process of the gateway, below the supervisor. */
export function gatewayOf(pid: number): number | undefined {
  for (const child of childrenOf(pid)) {
    const found = gatewayOf(child);
    if (found !== undefined) return found;
  }
  return commandOf(pid).includes('run/gateway.cjs') ? pid : undefined;
}

/** A request as the server got it. */
export interface Heard {
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
}

export interface Upstream {
  readonly heard: () => readonly Heard[];
  readonly close: () => void;
}

const UPSTREAM = fileURLToPath(new URL('./gateway-upstream.js', import.meta.url));

/** Starts a program where the sites are, which prints `ready`, and then what it heard, as lines of JSON. */
export async function startServer<T>(
  { site }: Internet,
  words: readonly string[],
): Promise<{ readonly heard: () => readonly T[]; readonly close: () => void }> {
  const [program = '', ...more] = [...site, ...words];
  const child = spawn(program, more, { stdio: ['pipe', 'pipe', 'inherit'] });
  const heard: T[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`No server: status ${status}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve();
      else heard.push(JSON.parse(line));
    });
  });
  return { heard: () => heard, close: () => child.stdin.end() };
}

/** Starts the server of {@link HOST}. @param folder what it shows: repositories in `git`, packages in `npm` and `pip` */
function startUpstream(internet: Internet, folder: string): Promise<Upstream> {
  const { certificate, addresses } = internet;
  const settings = { ...certificate, address: addresses[HOST], port: PORT, folder };
  return startServer<Heard>(internet, [process.execPath, UPSTREAM, JSON.stringify(settings)]);
}

export interface Outside {
  readonly internet: Internet;
  readonly upstream: Upstream;
}

/** For the tests of a file: a network of the test's own, with {@link HOST}, {@link OTHER} and the server of the first one. @param shown see startUpstream */
export function useOutside(shown: string = readableFolder()): Outside {
  const outside: { -readonly [Key in keyof Outside]?: Outside[Key] } = {};
  before(async () => {
    outside.internet = await startInternet({ names: [HOST, OTHER] });
    outside.upstream = await startUpstream(outside.internet, shown);
  });
  after(() => {
    outside.upstream?.close();
    outside.internet?.close();
  });
  return outside as Outside;
}

/** In Python: looks for a word by its beginning and digest in all that the program can read, and says where it is. It does not hold the word. */
export function searchFor(secret: string): string {
  return `
import hashlib, os, re, sys
start, digest, length = b"${secret.slice(0, 3)}" + b"${secret[3]}", "${createHash('sha256').update(secret).digest('hex')}", ${secret.length}
def look(where, data):
    at = data.find(start)
    while at >= 0:
        if hashlib.sha256(data[at:at + length]).hexdigest() == digest:
            print("found in", where, flush=True)
            return
        at = data.find(start, at + 1)
def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            first, last = (int(one, 16) for one in line.split()[0].split("-"))
            try:
                mem.seek(first)
                look(f"memory of {pid}", mem.read(last - first))
            except (OSError, ValueError, OverflowError):
                pass
def file(path):
    try:
        with open(path, "rb") as opened:
            look(path, opened.read(1 << 22))
    except OSError:
        pass
searched = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        memory(pid)
        searched += 1
    except OSError:
        pass
    for name in ("environ", "cmdline", "status", "comm"):
        file(f"/proc/{pid}/{name}")
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if os.path.isfile(f"/proc/{pid}/fd/{fd}"):
                file(f"/proc/{pid}/fd/{fd}")
    except OSError:
        pass
for top in ("/etc", "/tmp", "/run", "/home", "/root", "/var", "/dev/shm", os.getcwd()):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                file(path)
print("searched", searched > 0, flush=True)
`;
}
