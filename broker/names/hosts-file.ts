// /etc/hosts, hosts(5): the operator's names come before DNS. Runs in the broker, and trusts the file.
import { readFileSync, statSync } from 'node:fs';
import { MAX_HOSTS_BYTES } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';

/** Looks names up in a hosts file, which is read again when it has changed. */
export class HostsFile {
  readonly #path: string;
  #version = '';
  #names: ReadonlyMap<string, readonly Address[]> = new Map();

  constructor(path = '/etc/hosts') {
    this.#path = path;
    this.lookup('');
  }

  /**
   * @param name lower-case, without a trailing dot
   * @returns its addresses in the file's order; undefined if the file does not list it or cannot be read
   */
  lookup(name: string): readonly Address[] | undefined {
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    const version = stats === undefined ? '' : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
    if (version !== this.#version) {
      this.#version = version;
      this.#names = stats === undefined || stats.size > MAX_HOSTS_BYTES ? new Map() : this.#read();
    }
    return this.#names.get(name);
  }

  #read(): ReadonlyMap<string, readonly Address[]> {
    try {
      return parseHosts(readFileSync(this.#path, 'utf8'));
    } catch {
      return new Map();
    }
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
