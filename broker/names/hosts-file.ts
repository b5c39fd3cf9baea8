// /etc/hosts, hosts(5): the operator's names come before DNS. Runs in the broker, and trusts the file.

import { type Address, parseAddress } from '../../shared/policy/address.js';
import { WatchedFile } from './watched-file.js';

/** A larger /etc/hosts is not read. */
const MAX_HOSTS_BYTES = 4 * 1024 * 1024;

/** Looks names up in a hosts file, which is read again when it has changed. */
export class HostsFile {
  readonly #file: WatchedFile;
  #names: ReadonlyMap<string, readonly Address[]> = new Map();

  /** @param onProblem takes lines for the operator: the file cannot be used, and the former one stays in force */
  constructor(path = '/etc/hosts', onProblem: (text: string) => void = () => {}) {
    this.#file = new WatchedFile(path, MAX_HOSTS_BYTES, onProblem);
    this.lookup('');
  }

  /**
   * @param name lower-case, without a trailing dot
   * @returns its addresses in the file's order; undefined if the file does not list it
   */
  lookup(name: string): readonly Address[] | undefined {
    this.#file.renew((text) => {
      this.#names = parseHosts(text);
      return true;
    });
    return this.#names.get(name);
  }
}

/** Reads lines of `ADDRESS NAME…  # comment`. A line without a valid address, or with a zone, is skipped. */
export function parseHosts(text: string): ReadonlyMap<string, readonly Address[]> {
  const names = new Map<string, Address[]>();
  for (const line of text.split('\n')) {
    const [first, ...aliases] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const address = first === undefined ? undefined : parseAddress(first);
    if (address === undefined) continue;
    for (const alias of aliases) {
      const name = alias.toLowerCase().replace(/\.$/, '');
      const known = names.get(name);
      if (known === undefined) names.set(name, [address]);
      else if (!known.some(({ text: other }) => other === address.text)) known.push(address);
    }
  }
  return names;
}
