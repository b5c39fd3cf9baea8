// Joins the questions about unknown destinations with the broker, and with those who answer. Runs in the supervisor.
import { DEFAULT_ASK_S } from '../../shared/config/config-file.js';
import { answerByCallback } from './ask/answer-by-callback.js';
import { Asks } from './ask/asks.js';
import { hookCallback } from './ask/run-hook.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { SupervisorOptions } from './supervisor-options.js';

/** @param broker the one that runs */
export function makeAsks(
  broker: () => BrokerProcess | undefined,
  { askMs = DEFAULT_ASK_S * 1000, onAsk, askHook, onNotice = () => {} }: SupervisorOptions,
): Asks {
  const asks = new Asks(askMs, {
    answer: (plugin, id, answer, by) => broker()?.answerAsk(plugin, id, answer, by),
    keep: (plugin, destination) => broker()?.keepApproved(plugin, destination),
  });
  if (onAsk !== undefined) answerByCallback(asks, onAsk, 'library', onNotice);
  if (askHook !== undefined) answerByCallback(asks, hookCallback(askHook), 'hook', onNotice);
  return asks;
}

/** @param broker one that starts */
export function takeQuestions(broker: BrokerProcess, asks: Asks): void {
  broker.on('ask', (line) => (line.type === 'asked' ? asks.asked(line) : asks.askEnded(line)));
  broker.on('down', () => asks.brokerEnded());
}
