// Warnings of `check` about kept homes: a home that two plugins share, and a home_mib without effect.
import type { Config } from '../../shared/config/load-config.js';
import type { CheckWarning } from './check-warning.js';

export function homeWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  const owners = new Map<string, string>();
  return plugins.flatMap(({ config: { name, home } }) => {
    if (home === undefined) return [];
    const warnings: CheckWarning[] = [];
    const warn = (key: readonly string[], message: string): void => {
      const place = placeOf(['plugins', name, ...key]);
      if (place !== undefined) warnings.push({ plugin: name, place, message });
    };
    const first = owners.get(home);
    if (first === undefined) owners.set(home, name);
    else
      warn(
        ['home'],
        `The plugin "${first}" has the same home: each can change what the other one runs and reads there`,
      );
    warn(
      ['limits', 'home_mib'],
      'home_mib bounds nothing: the home is kept, and its own file system bounds it',
    );
    return warnings;
  });
}
