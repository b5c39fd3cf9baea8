// Turns the settings of an application into a checked configuration, by the rules of postern.yaml.
import { ConfigError } from '../../shared/config/config-problem.js';
import { readConfig } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { type PluginSettings, STDIO } from './types.js';

/** There is no such file. */
const NO_FILE = 'settings';

/** @throws PosternError `bad_config` with a line for each mistake, `plugins.NAME.KEY: …` */
export function readPlugin(settings: PluginSettings): PluginConfig {
  if (typeof settings !== 'object' || settings === null)
    throw new PosternError('bad_config', 'Expected an object with the settings of a plugin');
  const { name, stdio = 'pipe', ...keys } = settings;
  if (typeof name !== 'string') throw new PosternError('bad_config', 'A plugin needs a name');
  const streams: readonly unknown[] = typeof stdio === 'string' ? [stdio] : stdio;
  if (
    !Array.isArray(streams) ||
    streams.length !== (typeof stdio === 'string' ? 1 : 3) ||
    !streams.every((one) => STDIO.some((word) => word === one))
  )
    throw new PosternError(
      'bad_config',
      `plugins.${name}.stdio: expected ${STDIO.join(', ')}, or a list of three of them`,
    );
  try {
    const { plugins } = readConfig(NO_FILE, textOf({ plugins: { [name]: keys } }), process.cwd());
    const [plugin] = plugins;
    if (plugin !== undefined) return plugin.config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.problems.map(({ key, message, suggestion }) =>
      [key === '' ? message : `${key}: ${message}`, suggestion]
        .filter((part) => part !== undefined)
        .join('; '),
    );
    throw new PosternError('bad_config', lines, { cause: error });
  }
  throw new PosternError('bad_config', 'A plugin needs a name');
}

/** Every JSON text is YAML. */
function textOf(value: object): string {
  return JSON.stringify(value);
}
