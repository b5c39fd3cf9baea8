// Turns the settings of an application into a checked configuration, by the rules of postern.yaml.
import { ConfigError } from '../../shared/config/config-problem.js';
import { readConfig } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { PluginSettings } from './types.js';

/** There is no such file. */
const NO_FILE = 'settings';

/** @throws PosternError `bad_config` with a line for each mistake, `plugins.NAME.KEY: …` */
export function readPlugin(settings: PluginSettings): PluginConfig {
  const { name, stdio: _, ...keys } = settings;
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
