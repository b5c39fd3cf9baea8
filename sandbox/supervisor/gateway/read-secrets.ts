// Reads the secrets of a plugin's gateway, from where the configuration says. Runs in the supervisor, which keeps them for a gateway that starts again. No
// message holds anything of a secret, and no plugin chooses where one is read.
import { fstatSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { GatewayHost, SecretSource } from '../../../shared/config/gateway-keys.js';
import type { HookCommand } from '../../../shared/config/hook-command.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { secretOf, secretProblem } from '../../../shared/config/secret-template.js';
import { messageOf, PosternError } from '../../../shared/errors.js';
import { readTextFile } from '../../../shared/read-file.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { openWithoutLinks } from '../../../shared/sys/open-folder.js';
import type { ClientCertificate } from '../../gateway/upstream-http.js';
import { runOutside } from '../../host/run-outside.js';
import { shellWord } from '../../host/shell-word.js';
import { hostFiles } from '../files/host-files.js';
import { problemOf, type StartProblem } from '../files/path-problems.js';
import { type Written, withoutPluginLinks } from '../files/plugin-links.js';
import { refusedLink } from '../files/require-paths.js';

/** Nothing holds as much: see secretProblem(). */
const MOST_MIB = 1;
const COMMAND_MS = 30_000;
const COMMAND_BYTES = 65_536;
const OTHERS_READ = 0o004;

type FileSource = Exclude<SecretSource, { readonly from: 'command' }>;

/** What a secret is read with, if it is no command's. */
export interface FileReader {
  readonly plugin: string;
  /** What any plugin may write, or could write before. */
  readonly written: readonly Written[];
  /** postern's own environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface SecretReader extends FileReader {
  /** Looks at a command before it is run. @throws Error if a plugin may write what it is or loads */
  readonly refuse: (command: HookCommand) => void;
  /** Ends the commands. */
  readonly signal: AbortSignal;
}

/** What a gateway has of files and commands. */
export interface Held {
  /** Values by name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** By host, in PEM. */
  readonly files: ReadonlyMap<string, HostFiles>;
}

interface HostFiles {
  readonly ca: string | undefined;
  readonly client: ClientCertificate | undefined;
}

/**
 * What the gateways of a supervisor hold. It is read once for each configuration, and kept for every start with it: a plugin must not make postern run a
 * command as often as it ends. What failed is read again.
 */
export class AllHeld {
  /** By `gateway` of a configuration, which has its own after each load. */
  readonly #known = new WeakMap<object, Held>();
  readonly #reading = new WeakMap<object, Promise<Held>>();
  readonly #readerOf: (plugin: string) => SecretReader;

  constructor(readerOf: (plugin: string) => SecretReader) {
    this.#readerOf = readerOf;
  }

  /** @returns undefined before it was read */
  known({ gateway }: PluginConfig): Held | undefined {
    return gateway === undefined ? NOTHING : this.#known.get(gateway);
  }

  /** @throws PosternError `bad_secret`, `path_not_apart` */
  async read(config: PluginConfig): Promise<Held> {
    const { gateway, name } = config;
    const known = this.known(config);
    if (known !== undefined || gateway === undefined) return known ?? NOTHING;
    const reading = this.#reading.get(gateway) ?? readHeld(config, this.#readerOf(name));
    this.#reading.set(gateway, reading);
    try {
      const held = await reading;
      // protects: G23 gateway: a secret is read once for each configuration
      this.#known.set(gateway, held);
      return held;
    } finally {
      this.#reading.delete(gateway);
    }
  }
}

const NOTHING: Held = { secrets: new Map(), files: new Map() };

/** @throws PosternError `bad_secret`, `path_not_apart` */
export async function readHeld(config: PluginConfig, reader: SecretReader): Promise<Held> {
  const { gateway = [], secrets = {} } = config;
  const values = await readSecrets(secrets, reader);
  for (const [name, value] of values) requireKept(config, name, value);
  return {
    secrets: values,
    files: new Map(gateway.map((one) => [one.host, filesOf(one, reader)])),
  };
}

function filesOf({ host, ca, client }: GatewayHost, reader: FileReader): HostFiles {
  const files: HostFiles = {
    ca: ca === undefined ? undefined : readPrivateFile(`the certificates of ${host}`, ca, reader, 'public'),
    client: client && {
      cert: readPrivateFile(`the client certificate for ${host}`, client.cert, reader, 'public'),
      // protects: G23 gateway: the key of a client certificate is read as a secret is => key: readPrivateFile(`the key for ${host}`, client.key, reader, 'public')
      key: readPrivateFile(`the key of the client certificate for ${host}`, client.key, reader),
    },
  };
  try {
    createSecureContext({ ca: files.ca, ...files.client });
  } catch (error) {
    throw refused(`the certificates or the key for ${host}`, `OpenSSL refuses them (${errorName(error)})`);
  }
  return files;
}

/** @returns the values by name @throws PosternError `bad_secret`, `path_not_apart` */
export async function readSecrets(
  sources: Readonly<Record<string, SecretSource>>,
  reader: SecretReader,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const [name, source] of Object.entries(sources)) {
    const read =
      source.from === 'command'
        ? await outputOf(name, source.command, reader)
        : readFrom(name, source, reader);
    values.set(name, checkedValue(name, source, read));
  }
  return values;
}

function checkedValue(name: string, source: SecretSource, read: string): string {
  const value = secretOf(read);
  const problem = secretProblem(value);
  if (problem !== undefined) throw refused(secretCalled(name), `${problem} (${describeSource(source)})`);
  return value;
}

/** The program must not get by its own settings what its gateway keeps from it: an application may pass all of its variables on. @throws PosternError `bad_secret` */
function requireKept({ name: plugin, command, env }: PluginConfig, name: string, value: string): void {
  const [variable] = Object.entries(env).find(([, text]) => text.includes(value)) ?? [];
  // protects: G23 gateway: no variable of the program holds a secret
  if (variable !== undefined)
    throw refused(
      secretCalled(name),
      `the variable ${variable} of "${plugin}" has it too, for the program to read`,
      `leave ${variable} out, or write something else there: the gateway sets the secret`,
    );
  // protects: G23 gateway: no argument of the program holds a secret
  if (command.some((word) => word.includes(value)))
    throw refused(
      secretCalled(name),
      `an argument of "${plugin}" has it too, for the program and for every user of the host to read`,
      'leave it out there: the gateway sets the secret',
    );
}

/** @returns what a start would refuse. A command is not run for that */
export function secretProblems(
  plugins: readonly PluginConfig[],
  { written, environment }: Omit<FileReader, 'plugin'>,
): readonly StartProblem[] {
  return plugins.flatMap((config) => {
    const { name: plugin, secrets = {}, gateway = [] } = config;
    const reader = { plugin, written, environment };
    const problemsOf = (read: () => unknown): readonly StartProblem[] => {
      try {
        read();
        return [];
      } catch (error) {
        if (!(error instanceof PosternError)) throw error;
        return [problemOf(plugin, error)];
      }
    };
    return [
      ...Object.entries(secrets).flatMap(([name, source]) =>
        source.from === 'command'
          ? []
          : problemsOf(() =>
              requireKept(config, name, checkedValue(name, source, readFrom(name, source, reader))),
            ),
      ),
      ...gateway.flatMap((one) => problemsOf(() => filesOf(one, reader))),
    ];
  });
}

function readFrom(name: string, source: FileSource, reader: FileReader): string {
  switch (source.from) {
    case 'given':
      return source.read();
    case 'file':
      return readPrivateFile(secretCalled(name), source.path, reader);
    case 'env':
      return present(name, reader.environment[source.variable], `the variable ${source.variable} is not set`);
    case 'credential': {
      const path = secretPath(source, reader.environment);
      return readPrivateFile(
        secretCalled(name),
        present(name, path, 'postern does not run as a service with credentials'),
        reader,
      );
    }
  }
}

/** @returns undefined for what is in no file */
export function secretPath(source: SecretSource, environment: FileReader['environment']): string | undefined {
  if (source.from === 'file') return source.path;
  const folder = environment['CREDENTIALS_DIRECTORY'];
  // protects: G23 gateway: no plugin sees a credential => return undefined;
  return source.from === 'credential' && folder !== undefined ? join(folder, source.name) : undefined;
}

function present(name: string, value: string | undefined, why: string): string {
  if (value === undefined) throw refused(secretCalled(name), why);
  return value;
}

/** @param what as in `the secret "github"` @param kind of a public file every user may read */
export function readPrivateFile(
  what: string,
  path: string,
  { plugin, written }: FileReader,
  kind: 'private' | 'public' = 'private',
): string {
  const host = withoutPluginLinks(hostFiles, written);
  const link = refusedLink(
    `Cannot use ${what} in "${path}"`,
    path,
    { key: 'secrets' },
    { plugin, written, host },
  );
  // protects: G23 gateway: a secret behind a link of a plugin is refused
  if (link !== undefined) throw link;
  try {
    using place = openWithoutLinks(host.real(path) ?? path);
    const stats = fstatSync(place.number);
    // Opening a pipe or a device would act on it.
    if (!stats.isFile()) throw refused(what, `"${path}" is not a regular file`);
    // protects: G23 gateway: a secret that every user may read is refused
    if (kind === 'private' && (stats.mode & OTHERS_READ) !== 0)
      throw refused(what, `every user may read "${path}"`, `take that away: chmod o-rwx ${shellWord(path)}`);
    // protects: G23 gateway: a secret whose file has another name is refused
    if (kind === 'private' && stats.nlink > 1)
      throw refused(
        what,
        `"${path}" has another name (a hard link), by which a plugin could see it`,
        `give the secret a file of its own: cp -p ${shellWord(path)} ${shellWord(`${path}.new`)} && mv ${shellWord(`${path}.new`)} ${shellWord(path)}`,
      );
    const read = readTextFile(`/proc/self/fd/${place.number}`, MOST_MIB);
    if (!('text' in read)) throw refused(what, `"${path}" ${read.problem}`);
    return read.text;
  } catch (error) {
    if (error instanceof SystemError) throw refused(what, `"${path}" cannot be read: ${error.code}`);
    throw error;
  }
}

/** Its errors go to postern's own: they may have anything of the secret. */
async function outputOf(
  name: string,
  command: HookCommand,
  { refuse, signal }: SecretReader,
): Promise<string> {
  const late = AbortSignal.timeout(COMMAND_MS);
  try {
    // protects: G23 gateway: a secret's command that has come to lie where a plugin may write is not run
    refuse(command);
    return await runOutside(command, {
      ...{ input: '', mostBytes: COMMAND_BYTES, words: 'own' },
      signal: AbortSignal.any([signal, late]),
    });
  } catch (error) {
    const why = late.aborted ? `it took more than ${COMMAND_MS / 1000} s` : messageOf(error);
    throw refused(secretCalled(name), `"${command.command[0]}" gave none: ${why}`);
  }
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function describeSource(source: SecretSource): string {
  switch (source.from) {
    case 'given':
      return 'its value';
    case 'file':
      return `the file "${source.path}"`;
    case 'env':
      return `the variable ${source.variable}`;
    case 'credential':
      return `the credential "${source.name}"`;
    case 'command':
      return `the output of "${source.command.command[0]}"`;
  }
}

function secretCalled(name: string): string {
  return `the secret "${name}"`;
}

function refused(what: string, why: string, fix?: string): PosternError {
  return new PosternError('bad_secret', `Cannot use ${what}: ${why}`, {
    fix,
    fields: { key: 'secrets' },
  });
}
