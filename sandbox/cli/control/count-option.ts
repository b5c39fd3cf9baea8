// An option whose value is a whole number above 0.
import { InvalidArgumentError, Option } from 'commander';

export function countOption(flags: string, description: string, usual: number): Option {
  return new Option(flags, description).default(usual).argParser((text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
    return Number(text);
  });
}
