// An option that may be given several times. Its value is a list, empty by default.
import { Option } from 'commander';

export function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`)
    .argParser((value: string, previous: readonly string[]) => [...previous, value])
    .default([], 'none');
}
