// Names under which anyone may register: a wildcard over one would permit the whole of it.
import { parse } from 'tldts';

/** The hostname is checked already; private entries (github.io) are registrations like any other. */
const OPTIONS = {
  allowPrivateDomains: false,
  detectIp: false,
  extractHostname: false,
  validateHostname: false,
};

/**
 * Whether a name is a public suffix of ICANN's section of the list at publicsuffix.org, such as `com` or `co.uk`. A
 * top level that the list does not have, such as `internal` or `test`, is none.
 *
 * @param name lower case, without a final dot
 */
export function isPublicSuffix(name: string): boolean {
  const { isIcann, publicSuffix } = parse(name, OPTIONS);
  return isIcann === true && publicSuffix === name;
}
