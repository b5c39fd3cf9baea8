// The error of everything that wants a broker and has none.
import { PosternError } from '../../../shared/errors.js';

export function brokerFailed(why: string, fix?: string): PosternError {
  return new PosternError('broker_failed', `The broker does not run: ${why}`, { fix });
}
