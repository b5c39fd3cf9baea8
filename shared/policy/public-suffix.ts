// Names below which anyone can register a name. A wildcard over one would permit all of them.
import { keepProgram } from '../kept-program.js';
import type * as Library from './public-suffix-library.js';

/** The list takes 10 ms of processor time and 5 MiB. */
const library = keepProgram<typeof Library>('public-suffixes');

/** The host name is already checked. */
const OPTIONS = {
  allowPrivateDomains: true,
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
  const { isIcann, publicSuffix } = library().parse(name, { ...OPTIONS, allowPrivateDomains: false });
  return isIcann === true && publicSuffix === name;
}

/** Whether a name is in the other section of the list, such as `github.io`: its owner gives names below it to anyone. @param name as above */
export function isSharedDomain(name: string): boolean {
  const { isPrivate, publicSuffix } = library().parse(name, OPTIONS);
  return isPrivate === true && publicSuffix === name;
}
