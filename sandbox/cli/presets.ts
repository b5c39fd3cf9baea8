// postern presets: the presets that come with postern, and what each opens.
import type { Command } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { PRESETS_DATE, presetNames, SHIPPED_PRESETS } from '../../shared/config/shipped-presets.js';
import { quote } from '../../shared/policy/quote.js';
import { makeCommand } from './program.js';
import { say } from './say.js';

const NAME_WIDTH = 12;

export function presetsCommand(): Command {
  return makeCommand('presets')
    .argument('[name]', 'show what this one opens')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  postern presets
  postern presets npm
  postern run --preset npm -- npm install

Exit status: 0, 2 where there is no such preset.`,
    )
    .action((name: string | undefined, options: { json?: boolean }) => {
      if (name !== undefined && !Object.hasOwn(SHIPPED_PRESETS, name)) {
        say(`There is no preset ${quote(name)}: name one of ${presetNames.join(', ')}`);
        process.exitCode = 2;
      } else if (options.json === true) {
        const shown = name === undefined ? SHIPPED_PRESETS : { [name]: SHIPPED_PRESETS[name] };
        process.stdout.write(`${asciiJson({ date: PRESETS_DATE, presets: shown })}\n`);
      } else process.stdout.write(`${(name === undefined ? listAll() : describe(name)).join('\n')}\n`);
    });
}

function listAll(): readonly string[] {
  return Object.entries(SHIPPED_PRESETS).map(([name, { what }]) => `${name.padEnd(NAME_WIDTH)}${what}`);
}

function describe(name: string): readonly string[] {
  const preset = SHIPPED_PRESETS[name];
  if (preset === undefined) return [];
  const { what, allow, note, source } = preset;
  return [
    `# ${what}; ${source}, ${PRESETS_DATE}`,
    ...(note === undefined ? [] : [`# ${note}`]),
    'allow:',
    ...allow.map((rule) => `  - ${JSON.stringify(rule)}`),
  ];
}
