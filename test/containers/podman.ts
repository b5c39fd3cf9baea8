// Runs commands that name `podman`, with settings that every machine which can run containers takes: runc, no systemd, and the network
// of the host, so that a container reaches the listeners of a test.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { PATIENCE } from '../harness/patience.js';
import { readableFile } from '../harness/users.js';

const TIMEOUT_MS = 200_000 * PATIENCE;
const SETTINGS = `[containers]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
`;

/** In a separate mount namespace, because tests that run at the same time compare the host's mounts. */
const APART = ['unshare', '--mount', '--'];

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why no container can be started here, for a test's `skip`; false where one can. */
export const noContainers: string | false =
  process.geteuid?.() === 0 ? false : 'needs root, to start containers';

let settings: string | undefined;

/** @returns the command's output and status, also where it failed */
export function run(words: readonly string[], cwd: string = tmpdir(), input = ''): Promise<Outcome> {
  settings ??= readableFile('containers.conf', SETTINGS);
  const [command = '', ...args] = [...APART, ...words];
  const env = { ...process.env, CONTAINERS_CONF: settings, PODMAN_IGNORE_CGROUPSV1_WARNING: '1' };
  const child = spawn(command, args, { cwd, env, timeout: TIMEOUT_MS });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** As {@link run}. @throws Error with its words where it fails */
export async function succeed(words: readonly string[], cwd?: string, input?: string): Promise<string> {
  const { status, stdout, stderr } = await run(words, cwd, input);
  if (status !== 0) throw new Error(`${words.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** The hard limits of this process: podman build raises limits by itself, which a machine may forbid. */
export function ownLimits(): readonly string[] {
  const hard = (letter: string): string =>
    spawnSync('bash', ['-c', `ulimit -H${letter}`], { encoding: 'utf8' })
      .stdout.trim()
      .replace('unlimited', '-1');
  return [
    { name: 'nofile', value: hard('n') },
    { name: 'nproc', value: hard('u') },
  ].flatMap(({ name, value }) => ['--ulimit', `${name}=${value}:${value}`]);
}

/** A file that only the test's containers see. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value));
}
