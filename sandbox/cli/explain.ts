// postern explain: asks the broker for its decision on a destination, and prints it with the reason. Starts no plugin.
import { Command, Option } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { didYouMean } from '../../shared/config/config-problem.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { joinRules, type PlacedRules } from '../../shared/config/placed-rules.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { PosternError } from '../../shared/errors.js';
import { parseAddress } from '../../shared/policy/address.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { configFile } from './config-file.js';
import { describeExplanation, type PlacedExplanation, placeExplanation } from './describe-explanation.js';
import { dnsOption, dnsServersOf } from './dns-option.js';
import { explainLive } from './live-explain.js';
import { parseDestination } from './parse-destination.js';
import { addModeOption, addRuleOptions, type ModeOption, type RuleOptions, rulesOf } from './rule-options.js';
import { describeError, say } from './say.js';

interface ExplainOptions extends RuleOptions, ModeOption {
  readonly config?: string;
  readonly egress?: PluginConfig['egress'];
  readonly resolved?: string;
  readonly dns: readonly string[];
  readonly json?: boolean;
  readonly live?: boolean;
  readonly control?: string;
}

/** The rules that the explanation is about. */
interface Subject {
  /** Undefined for rules of the command line alone. */
  readonly plugin?: string;
  readonly rules: PlacedRules;
  readonly mode: PluginConfig['mode'];
  readonly egress: PluginConfig['egress'];
  readonly via?: PluginConfig['via'];
}

export function explainCommand(): Command {
  const command = new Command('explain')
    .description('show the decision on a destination, and the reason')
    .argument('<words...>', '[PLUGIN] HOST:PORT, or unix:PATH; without a plugin, all plugins of the file')
    .option('--config <file>', 'the file of the plugins (default: ./postern.yaml)')
    .addOption(
      new Option(
        '--egress <way>',
        "the way of the request (default: the plugin's, else transparent)",
      ).choices(['transparent', 'channel']),
    )
    .option('--resolved <addresses>', 'addresses of the name, separated by commas, instead of asking DNS')
    .addOption(dnsOption())
    .option('--live', 'ask the running postern, by the rules that are in force there')
    .option('--control <path>', 'its control socket; implies --live')
    .option('--json', 'print one JSON object for each plugin');
  return addModeOption(addRuleOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  postern explain web api.example.com:443
  postern explain api.example.com:443 --allow '*.example.com'
  postern explain web unix:/run/postgresql/.s.PGSQL.5432
  postern explain web api.example.com:443 --live
  postern explain db.example.com:5432 --allow db.example.com:5432 --resolved 10.1.2.3,192.0.2.7

With a plugin, --allow and --deny are added to its rules, to try a change.
With egress transparent the answer is about the program's own connect(2): "inside" is the
sandbox's own loopback, not the host's. With egress channel it is about the client library.
Exit status: 0 where every plugin may connect, 1 otherwise, 2 for wrong usage.`,
    )
    .action(async (words: string[], options: ExplainOptions) => {
      process.exit(await explain(words, options));
    });
}

/** What the arguments cannot change. */
const HOST_FAULTS: readonly string[] = ['broker_failed', 'control_unreachable', 'control_refused'];

async function explain(words: readonly string[], options: ExplainOptions): Promise<number> {
  let answers: readonly PlacedExplanation[];
  try {
    const destination = parseDestination(words.at(-1) ?? '');
    if (words.length > 2) throw new PosternError('usage', 'Give one destination, after at most one plugin');
    const plugin = words.length === 2 ? words[0] : undefined;
    const { live, control, egress, resolved } = options;
    if (live === true || control !== undefined) {
      const addresses = resolved === undefined ? {} : { resolved: readAddresses(resolved) };
      const way = egress === undefined ? {} : { egress };
      answers = await explainLive(plugin, { ...destination, ...way, ...addresses }, options);
    } else answers = await ask(subjectsOf(plugin, options), destination, options);
  } catch (error) {
    say(describeError(error));
    return error instanceof PosternError && HOST_FAULTS.includes(error.code) ? 1 : 2;
  }
  const text = options.json === true ? answers.map(asciiJson) : answers.map(describeExplanation);
  process.stdout.write(`${text.join(options.json === true ? '\n' : '\n\n')}\n`);
  return answers.every(({ decision }) => decision !== 'deny') ? 0 : 1;
}

function subjectsOf(plugin: string | undefined, options: ExplainOptions): readonly Subject[] {
  const own = rulesOf(options, loadRuleFile);
  const { mode, egress } = options;
  if (plugin === undefined && options.config === undefined && own.allow.length + own.deny.length > 0)
    return [{ rules: own, mode, egress: egress ?? 'transparent' }];
  const { plugins } = loadConfig(configFile(options.config));
  const subjects = plugins.map(({ config, rules }) => ({
    plugin: config.name,
    rules: joinRules([rules, own]),
    mode: config.mode,
    egress: egress ?? config.egress,
    via: config.via,
  }));
  if (plugin === undefined) return subjects;
  const found = subjects.find((subject) => subject.plugin === plugin);
  if (found !== undefined) return [found];
  const names = subjects.map((subject) => subject.plugin);
  throw new PosternError('no_plugin', `There is no plugin "${plugin}"`, {
    fix: didYouMean(plugin, names) ?? `there are ${names.join(', ')}`,
  });
}

async function ask(
  subjects: readonly Subject[],
  destination: { readonly host: string; readonly port: number },
  { resolved, dns }: ExplainOptions,
): Promise<readonly PlacedExplanation[]> {
  const addresses = resolved === undefined ? undefined : readAddresses(resolved);
  const supervisor = new Supervisor({
    plugins: subjects.map((subject, index) => configOf(subject, index)),
    dnsServers: dnsServersOf(dns),
  });
  await supervisor.start();
  try {
    const answers: PlacedExplanation[] = [];
    for (const [index, { plugin, rules, egress }] of subjects.entries()) {
      const question = { ...destination, egress, hostname: plugin, resolved: addresses };
      const answer = await supervisor.explain(nameOf(index), question);
      answers.push(placeExplanation(answer, rules, plugin));
    }
    return answers;
  } finally {
    await supervisor.close();
  }
}

const nameOf = (index: number): string => `p${index}`;

function readAddresses(text: string): readonly string[] {
  return text.split(',').map((part) => {
    if (parseAddress(part.trim()) === undefined) {
      throw new PosternError('usage', `Not an address: "${part.trim()}"`, {
        fix: 'separate addresses by commas, for example --resolved 192.0.2.7,2001:db8::1',
      });
    }
    return part.trim();
  });
}

/** Nothing is started, so only its rules and its way out matter. Nobody asks the proxy, so its credentials are not read. */
function configOf({ rules, mode, via }: Subject, index: number): PluginConfig {
  return {
    ...plainPlugin(nameOf(index), []),
    allow: rules.allow.map(({ text }) => text),
    deny: rules.deny.map(({ text }) => text),
    mode,
    via: via && { ...via, credentialsFile: undefined },
  };
}
