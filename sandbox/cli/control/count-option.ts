// An option whose value is a whole number above 0.
import { InvalidArgumentError, Option } from 'commander';

export function countOption(flags: string, description: string, usual: number): Option {
  return optionalCount(flags, description).default(usual);
}

export function optionalCount(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
    return Number(text);
  });
}
