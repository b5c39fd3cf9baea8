// A plugin with a gateway, and an HTTPS server for it that says what it hears: scenes of several tests.
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Internet } from '../docs/internet.js';
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
  /** More of the plugin, as a line of YAML each. */
  readonly more?: readonly string[];
}

/** Writes a file for `up` with one plugin, `agent`. */
export function writeScene(
  as: User,
  { command, allow = [`${HOST}:443,${PORT}`, OTHER], gateway, more = [] }: GatewayPlan,
): GatewayScene {
  const [folder, kept] = [readableFolder(), readableFolder()];
  const token = join(kept, 'token');
  writeFileSync(token, `${SECRET}\n`);
  chmodSync(token, 0o600);
  chmodSync(kept, 0o700);
  const config = join(folder, 'postern.yaml');
  const audit = join(kept, 'audit.log');
  writeFileSync(
    config,
    `audit: ${audit}
secrets: {github: {file: ${token}}}
plugins:
  agent:
    command: ${JSON.stringify(command)}
    cwd: ${folder}
    allow: ${JSON.stringify(allow)}
${more.map((line) => `    ${line}\n`).join('')}    gateway:
      ${HOST}: ${gateway}
`,
  );
  for (const path of [folder, kept, token, config]) chownTo(as, path);
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

/** Starts the server of {@link HOST}. @param folder what it shows: repositories in `git`, packages in `npm` and `pip` */
export async function startUpstream(
  { site, addresses, certificate }: Internet,
  folder: string,
): Promise<Upstream> {
  const settings = { ...certificate, address: addresses[HOST], port: PORT, folder };
  const [program = '', ...words] = [...site, process.execPath, UPSTREAM, JSON.stringify(settings)];
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const heard: Heard[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (status) => reject(new Error(`No server: status ${status}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve();
      else heard.push(JSON.parse(line));
    });
  });
  return { heard: () => heard, close: () => child.stdin.end() };
}
