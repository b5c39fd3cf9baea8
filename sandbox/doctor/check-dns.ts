// The name servers that the broker asks about permitted names.
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

export function checkDns({ resolvConf }: HostFacts): Check {
  const check = {
    name: 'name servers',
    needed: 'a nameserver line in /etc/resolv.conf, for rules with names',
  };
  const servers = [...(resolvConf ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]);
  if (servers.length > 0) return { ...check, state: 'ok', found: servers.join(', ') };
  return {
    ...check,
    state: 'degraded',
    found:
      resolvConf === undefined ? '/etc/resolv.conf cannot be read' : 'no nameserver line in /etc/resolv.conf',
    fix: 'Names cannot be resolved, addresses can be reached: add a line "nameserver ADDRESS" there, or start with --dns ADDRESS (dns: in postern.yaml).',
  };
}
