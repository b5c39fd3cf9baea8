// The error of everything that wants a broker and has none.
import { PosternError } from '../../../shared/errors.js';

export function brokerFailed(why: string, mend?: string): PosternError {
  return new PosternError('broker_failed', `The broker does not run: ${why}`, { mend });
}
