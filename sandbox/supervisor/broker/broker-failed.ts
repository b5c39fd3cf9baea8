// The error for a missing broker.
import { PosternError } from '../../../shared/errors.js';

export function brokerFailed(why: string, fix?: string): PosternError {
  return new PosternError('broker_failed', `The broker does not run: ${why}`, { fix });
}
