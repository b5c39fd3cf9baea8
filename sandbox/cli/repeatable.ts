// An option that may be given several times, each with a value: a list, empty without one.
import { Option } from 'commander';

export function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`)
    .argParser((value: string, previous: readonly string[]) => [...previous, value])
    .default([], 'none');
}
