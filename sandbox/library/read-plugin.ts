// Turns the settings of an application into a checked configuration, by the rules of postern.yaml.
import { join } from 'node:path';
import { ConfigError } from '../../shared/config/config-problem.js';
import { readConfig } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { PluginSettings } from './types.js';

/** Nothing is read from it: it names the folder of relative paths. */
const NO_FILE = 'settings';

/** @throws PosternError `bad_config` with a line for each mistake, `plugins.NAME.KEY: …` */
export function readPlugin(settings: PluginSettings): PluginConfig {
  const { name, stdio: _, ...keys } = settings;
  try {
    const { plugins } = readConfig(join(process.cwd(), NO_FILE), textOf({ plugins: { [name]: keys } }));
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
