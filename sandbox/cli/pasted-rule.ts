// Rules and paths as an operator pastes them: options for a shell, values for a YAML file. Everything that postern suggests to paste is made
// here. The texts may be a plugin's: none of them ends its quotes.
import { yamlText } from '../../shared/printable.js';
import { shellQuoted, shellWord } from '../host/shell-word.js';

/** @returns for example `--allow 'api.example.com'` */
export function asRuleOption(list: 'allow' | 'deny', rule: string): string {
  return `--${list} ${shellQuoted(rule)}`;
}

/** @returns for example `--visible /srv/app --visible '/srv/my app'` */
export function asVisibleOptions(paths: readonly string[]): string {
  return paths.map((path) => `--visible ${shellWord(path)}`).join(' ');
}

/** @returns for example `"api.example.com", "*.example.org"`, the inside of a YAML list */
export function asYamlItems(texts: readonly string[]): string {
  return texts.map(yamlText).join(', ');
}
