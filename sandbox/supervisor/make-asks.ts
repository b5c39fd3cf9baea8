// Joins the questions about unknown destinations with the broker, and with those who answer. Runs in the supervisor.
import { DEFAULT_ASK_S } from '../../shared/config/config-file.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { Asks } from './approval/asks.js';
import { answerByCallback, hookCallback } from './approval/run-hook.js';
import { notWritten, writeRule } from './approval/write-rule.js';
import type { BrokerProcess } from './broker/broker-process.js';
import { hostFiles, isWithin } from './files/host-files.js';
import { requireHookApart } from './start-problems.js';
import type { SupervisorOptions } from './supervisor-options.js';

/**
 * Writes a rule into the file, and puts it in force.
 *
 * @returns when it is in force, and never rejects
 * @throws PosternError `rule_not_written`. Then the file is as it was
 */
export type PutRule = (plugin: string, rule: string) => Promise<void>;

/**
 * @param plugins those that may write something now
 * @param requireRule throws where a plugin may not have a rule
 * @param allow puts a rule in force
 * @returns undefined: there is no file
 */
export function putRule(
  plugins: () => readonly PluginConfig[],
  requireRule: (plugin: string, rule: string) => void,
  allow: (plugin: string, rule: string) => Promise<void>,
  { ruleFile, onNotice = () => {} }: SupervisorOptions,
): PutRule | undefined {
  if (ruleFile === undefined) return undefined;
  return (plugin, rule) => {
    try {
      requireRule(plugin, rule);
    } catch (cause) {
      const { message, fix } = cause as { readonly message: string; readonly fix?: string };
      throw notWritten(ruleFile, message, { fix, cause });
    }
    writeRule(ruleFile, plugin, rule, (folder) => plugins().some((one) => mayWrite(one, folder)));
    return allow(plugin, rule).catch((error: Error) =>
      onNotice(`the rule "${rule}" is in the file, and not in force: ${error.message}`),
    );
  };
}

/** @param broker the one that runs @param plugins those that may write something now */
export function makeAsks(
  broker: () => BrokerProcess | undefined,
  plugins: () => readonly PluginConfig[],
  putRule: PutRule | undefined,
  { askMs = DEFAULT_ASK_S * 1000, onAsk, askHook, onNotice = () => {} }: SupervisorOptions,
): Asks {
  const asks = new Asks(askMs, {
    mayAsk: (plugin) => plugins().some(({ name, unknown }) => name === plugin && unknown === 'ask'),
    answer: (line) => broker()?.answerAsk(line),
    keep: (plugin, destination) => broker()?.keepApproved(plugin, destination),
    putRule,
  });
  if (onAsk !== undefined) answerByCallback(asks, onAsk, 'library', onNotice);
  if (askHook !== undefined) {
    const callback = hookCallback(askHook, () => requireHookApart(askHook, plugins()));
    answerByCallback(asks, callback, 'hook', onNotice);
  }
  return asks;
}

/** @param broker one that starts */
export function takeQuestions(broker: BrokerProcess, asks: Asks): void {
  broker.on('ask', (line) => (line.type === 'asked' ? asks.asked(line) : asks.askEnded(line)));
  broker.on('taken', (line) => asks.taken(line));
  broker.on('gone', () => asks.brokerEnded());
}

/** Whether a plugin may write in a folder, also by another mount of it. */
function mayWrite({ writable, home }: PluginConfig, folder: string): boolean {
  const own = [...writable, ...(home === undefined ? [] : [home])].map(
    (path) => hostFiles.real(path) ?? path,
  );
  return [folder, ...hostFiles.aliases(folder)].some((path) => own.some((one) => isWithin(path, one)));
}
