// Writes a seccomp profile for a container that runs postern: the engine's default, with the few calls that postern needs. Runs on the host or
// in the image.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CONTAINER_CALLS } from '../../shared/container-calls.js';
import { allowCalls } from './allow-calls.js';
import { isArchitecture, resolveProfile } from './resolve-profile.js';
import { type Profile, parseProfile } from './seccomp-profile-format.js';

/** The paths of Podman's default. That of the administrator comes first. */
const DEFAULTS = ['/etc/containers/seccomp.json', '/usr/share/containers/seccomp.json'];
const STDIN = 0;
const USAGE = `Usage: node seccomp-profile.js [--kubernetes] [FILE]

Reads the default seccomp profile of a container engine from FILE, or from stdin where FILE is "-", and prints it with the system
calls added that postern needs. Without FILE: Podman's (${DEFAULTS.join(', or ')}).
Docker has its default built in; it is https://raw.githubusercontent.com/moby/profiles/main/seccomp/default.json

  --kubernetes   without conditions, as containerd and CRI-O read a Localhost profile
  --arch NAME    with --kubernetes: x64 or arm64, by default this machine's
  --list         print the calls that are added, each with its use`;

class Failure extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

try {
  process.stdout.write(output(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`postern: ${error.message}\n`);
  process.exitCode = error.status;
}

function output(words: readonly string[]): string {
  const { values, positionals } = readWords(words);
  if (values.help === true) return `${USAGE}\n`;
  if (values.list === true)
    return Object.entries(CONTAINER_CALLS)
      .map(([call, use]) => `${call.padEnd(16)}${use}\n`)
      .join('');
  const extended = allowCalls(readProfile(positionals[0]), Object.keys(CONTAINER_CALLS));
  const profile = values.kubernetes === true ? resolveProfile(extended, architecture(values.arch)) : extended;
  return `${JSON.stringify(profile, null, 2)}\n`;
}

function readWords(words: readonly string[]): ReturnType<typeof parse> {
  try {
    const parsed = parse(words);
    if (parsed.positionals.length > 1) throw new Error('More than one FILE');
    return parsed;
  } catch (error) {
    throw new Failure(`${(error as Error).message}; see --help`, 2);
  }
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      kubernetes: { type: 'boolean' },
      arch: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function architecture(name: string = process.arch): Parameters<typeof resolveProfile>[1] {
  if (!isArchitecture(name)) throw new Failure(`Unknown architecture: "${name}"; write x64 or arm64`, 2);
  return name;
}

function readProfile(file: string | undefined): Profile {
  const source = file ?? DEFAULTS.find(existsSync);
  if (source === undefined)
    throw new Failure(
      `No default profile of Podman's here (${DEFAULTS.join(', ')}); give the engine's own as FILE, see --help`,
      1,
    );
  const name = source === '-' ? 'stdin' : `"${source}"`;
  try {
    return parseProfile(readFileSync(source === '-' ? STDIN : source, 'utf8'));
  } catch (error) {
    throw new Failure(`Cannot use ${name} as a seccomp profile: ${(error as Error).message}`, 1);
  }
}
