// Finds the control socket that a command talks to.
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { DEFAULT_CONFIG } from '../../../shared/own-files.js';
import { controlFolder, controlName } from '../../host/control-folder.js';

export interface ControlOptions {
  /** --control PATH */
  readonly control?: string;
  /** --config FILE */
  readonly config?: string;
}

export interface FoundControl {
  readonly path: string;
  /** The configuration that the supervisor must run, so that no command reaches that of another project. Undefined: any. */
  readonly config?: string | undefined;
}

/** @throws PosternError `control_unreachable`; ConfigError for a file that is no YAML */
export async function findControl({ control, config }: ControlOptions): Promise<FoundControl> {
  if (control !== undefined) return { path: resolve(control) };
  const file = config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
  const meant = file === undefined ? undefined : realOf(file);
  const written = file === undefined ? undefined : await writtenControl(file);
  if (written === 'off')
    throw unreachable(`"${file}" says control: off`, 'write a path there, and start it again');
  if (written !== undefined) return { path: written, config: meant };
  const folder = controlFolder();
  if (folder === undefined)
    throw unreachable(
      'No control socket: XDG_RUNTIME_DIR is not set',
      'set it, or name a socket by --control',
    );
  const usual = file === undefined ? undefined : join(folder, controlName(file));
  if (usual !== undefined && existsSync(usual)) return { path: usual, config: meant };
  return { path: onlySocket(folder), config: meant };
}

function onlySocket(folder: string): string {
  const names = namesIn(folder).filter((name) => name.endsWith('.sock') && !name.startsWith('.'));
  const [only] = names;
  if (only === undefined)
    throw unreachable(
      `No postern runs here: "${folder}" has no control socket`,
      'start "postern up", or name a socket by --control',
    );
  if (names.length > 1)
    throw unreachable(
      `There are several control sockets in "${folder}": ${names.join(', ')}`,
      'name one by --control, or its file by --config',
    );
  return join(folder, only);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Most files have no such key, and then need no parser. @returns an absolute path, or `off` */
async function writtenControl(file: string): Promise<string | undefined> {
  const { readConfigText } = await import('../../../shared/config/config-text.js');
  const text = readConfigText(file, 'name another file by --config, or a socket by --control');
  if (!/\bcontrol\b/.test(text)) return undefined;
  const { YamlSource } = await import('../../../shared/config/yaml-source.js');
  const [written] = new YamlSource(file, text).textsAt(['control']);
  if (written === undefined || written.text === 'off') return written?.text;
  return resolve(dirname(file), written.text);
}

function realOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

function unreachable(message: string, fix: string): PosternError {
  return new PosternError('control_unreachable', message, { fix });
}
