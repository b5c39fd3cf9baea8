// A warning of `check`: in mode audit nobody is asked, since it allows what no rule allows.
import type { Config } from '../../shared/config/load-config.js';
import type { CheckWarning } from './check-warning.js';

export function askWarnings({ plugins, placeOf }: Config): readonly CheckWarning[] {
  return plugins.flatMap(({ config: { name, unknown, mode } }) => {
    if (unknown !== 'ask' || mode !== 'audit') return [];
    // Either key may be one of `defaults`.
    const place = [
      ['plugins', name, 'unknown'],
      ['plugins', name, 'mode'],
      ['defaults', 'unknown'],
    ]
      .map((key) => placeOf(key))
      .find((found) => found !== undefined);
    return [
      {
        plugin: name,
        place: place ?? '',
        message: 'unknown: ask asks nobody: mode audit allows what no rule allows. Leave out one of them',
      },
    ];
  });
}
