// Turns the settings of an application into the options of a supervisor.

import { resolve } from 'node:path';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { OperatedOptions } from '../operate/operated-supervisor.js';
import { OperatorControl } from '../operate/operator-control.js';
import { ControlSocket } from '../supervisor/control/control-socket.js';
import { callApart } from './plugin-events.js';
import type { AskAnswer, AskRequest, SupervisorSettings } from './types.js';

const ANSWERS = ['once', 'run', 'deny'] as const satisfies readonly AskAnswer[];

/**
 * @param tell takes each audit event, after the application's own function for them
 * @throws PosternError `control_socket`
 */
export function supervisorOptions(
  { metrics, audit, dns, ask, askMs, control, onNotice = () => {} }: SupervisorSettings,
  tell: (event: AuditEvent) => void,
): OperatedOptions {
  const notice = (text: string): void => callApart(() => onNotice(text));
  return {
    plugins: [],
    metrics,
    audit: typeof audit === 'string' ? audit : undefined,
    dnsServers: dns,
    control: openControl(control),
    onEvent: (event) => {
      if (typeof audit === 'function') callApart(() => audit(event));
      tell(event);
    },
    askMs,
    onAsk: ask === undefined ? undefined : (request, signal) => answerOf(ask, request, signal),
    onNotice: notice,
    onBrokerWords: (text) => notice(text.trimEnd()),
  };
}

function openControl(path: string | undefined): OperatorControl | undefined {
  return path === undefined || path === 'off'
    ? undefined
    : new OperatorControl(new ControlSocket(resolve(path), false));
}

/** What is no answer denies, so that no plugin waits for an application that failed. */
async function answerOf(
  ask: NonNullable<SupervisorSettings['ask']>,
  request: AskRequest,
  signal: AbortSignal,
): Promise<{ readonly answer: AskAnswer }> {
  try {
    const answer = await ask(request, signal);
    return { answer: ANSWERS.find((one) => one === answer) ?? 'deny' };
  } catch {
    return { answer: 'deny' };
  }
}
