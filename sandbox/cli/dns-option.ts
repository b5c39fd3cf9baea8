// --dns of `run` and `explain`: the DNS servers that the broker asks.
import type { Option } from 'commander';
import { isNameServer } from '../../shared/config/parse-host-port.js';
import { PosternError } from '../../shared/errors.js';
import { repeatable } from './repeatable.js';

export function dnsOption(): Option {
  return repeatable('--dns <address>', 'ask this DNS server instead of those of /etc/resolv.conf');
}

/**
 * @returns undefined where none is named
 * @throws PosternError `usage`
 */
export function dnsServersOf(texts: readonly string[]): readonly string[] | undefined {
  const wrong = texts.find((text) => !isNameServer(text));
  if (wrong !== undefined) {
    throw new PosternError('usage', `Not an address of a DNS server: "${wrong}"`, {
      fix: 'write --dns 127.0.0.53, or --dns [::1]:53',
    });
  }
  return texts.length > 0 ? texts : undefined;
}
