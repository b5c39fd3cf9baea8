// The error for a missing broker.
import { PosternError } from '../../../shared/errors.js';

/** @param errno of the system call that failed, where one did */
export function brokerFailed(why: string, fix?: string, errno?: string): PosternError {
  return new PosternError('broker_failed', `The broker does not run: ${why}`, { fix, fields: { errno } });
}
