// Names below which anyone can register a name. A wildcard over one would permit all of them.
import { keepProgram } from '../kept-program.js';
import type * as Library from './public-suffix-library.js';

/** The list takes 10 ms of processor time and 5 MiB. */
const library = keepProgram<typeof Library>('public-suffixes');

/** The host name is already checked. Private entries, for example github.io, count as ordinary names. */
const OPTIONS = {
  allowPrivateDomains: false,
  detectIp: false,
  extractHostname: false,
  validateHostname: false,
};

/**
 * Whether a name is in the ICANN section of the list at publicsuffix.org, such as `com` or `co.uk`. A top level that the list does not
 * have, such as `internal` or `test`, is no public suffix.
 *
 * @param name lower case, without a final dot
 */
export function isPublicSuffix(name: string): boolean {
  const { isIcann, publicSuffix } = library().parse(name, OPTIONS);
  return isIcann === true && publicSuffix === name;
}
