// Puts something in force in the broker, whichever broker runs: while one dies, the next one is awaited. Runs in the supervisor.
import type { EventEmitter } from 'node:events';
import type { BrokerEvents } from './broker-events.js';
import { brokerFailed } from './broker-failed.js';

/** What tells about the brokers. */
export interface Brokers extends EventEmitter<BrokerEvents> {
  /** A broker serves, with the rules of every plugin. */
  readonly isUp: boolean;
}

/**
 * @param put tells the running broker
 * @throws what `put` throws while its broker lives; PosternError `broker_failed` once no further broker is started
 */
export async function inForce(brokers: Brokers, put: () => Promise<void>): Promise<void> {
  for (;;) {
    if (!brokers.isUp) await happened(brokers, 'restarted');
    const down = new AbortController();
    const died = happened(brokers, 'down', down.signal).then(() => 'died' as const);
    try {
      if ((await Promise.race([put().then(() => 'put' as const), died])) === 'put') return;
    } finally {
      down.abort();
    }
  }
}

/** Resolves when something happens to the brokers. @throws PosternError `broker_failed` once no further broker is started */
export function happened(brokers: Brokers, event: 'restarted' | 'down', over?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => (): void => {
      brokers.off(event, onEvent).off('stopped', onStop);
      finish();
    };
    const onEvent = end(resolve);
    const onStop = end(() => reject(brokerFailed('the supervisor ends')));
    brokers.on(event, onEvent).on('stopped', onStop);
    over?.addEventListener('abort', end(resolve), { once: true });
  });
}
