// Errors of a start that failed. Runs in the supervisor.
import { PosternError } from '../../../shared/errors.js';
import { namespacesFailure, refusalFix } from '../../host/namespaces-failure.js';
import { shortageIn } from '../../host/shortage.js';
import type { LaunchFailure, LaunchStep } from '../../launch/spec.js';

/**
 * A shell or a Node that could not start says why only on stderr.
 *
 * @returns undefined if the words say nothing of a shortage, or if the error says more
 */
export function shortStart(words: string, error: unknown): PosternError | undefined {
  if (!(error instanceof PosternError) || error.fields['errno'] !== undefined) return undefined;
  if (error.fields['step'] !== 'namespaces') return undefined;
  const line = words.split('\n').find((one) => shortageIn(one) !== undefined);
  return line === undefined ? undefined : namespacesFailure(line);
}

/** What the launcher says of its failure, as an error. */
export function errorOf({ step, message, fix, exitStatus, code }: LaunchFailure): PosternError {
  if (step === 'command' && exitStatus !== 125) {
    return new PosternError('launch_failed', message, { fix, fields: { step, exitStatus, cause: code } });
  }
  return launchFailed(step, message, fix ?? refusalFix(message), code);
}

/** @param errno of the system call that failed, where it is known */
export function launchFailed(step: LaunchStep, message: string, fix?: string, errno?: string): PosternError {
  return new PosternError('launch_failed', `Cannot start the sandbox, step ${step}: ${message}`, {
    fix,
    fields: { step, exitStatus: 125, errno },
  });
}
