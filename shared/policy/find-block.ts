// Finds the innermost special-purpose block around an address. It is the same for every plugin.
import { type Address, addressFromBytes } from './address.js';
import { embeddedIpv4 } from './embedded-ipv4.js';
import { METADATA_ADDRESSES } from './metadata-addresses.js';
import { familyBits, holdsPrefix, type Prefix, prefixConstant } from './prefix.js';
import { PrefixTree } from './prefix-tree.js';
import type { BlockClass } from './special-block.js';
import { SPECIAL_IPV4 } from './special-ipv4.js';
import { SPECIAL_IPV6 } from './special-ipv6.js';

/** A block of addresses. */
export interface Block {
  readonly class: BlockClass;
  /** Its purpose, in words. */
  readonly purpose: string;
  /** How many leading bits its addresses share. A prefix of at least this length around one of them lies inside the block. */
  readonly length: number;
}

const BLOCKS: readonly { readonly prefix: Prefix; readonly value: Block }[] = [
  ...SPECIAL_IPV4,
  ...SPECIAL_IPV6,
  ...METADATA_ADDRESSES,
].map(([text, purpose, blockClass]) => {
  const prefix = prefixConstant(text);
  return { prefix, value: { class: blockClass, purpose, length: prefix.length } };
});
const TABLE: PrefixTree<Block | undefined, Block> = new PrefixTree(BLOCKS, ([block]) => block);

/**
 * The innermost special-purpose block around an address. If an IPv6 address has an IPv4 address inside, the IPv4 blocks count too:
 * 64:ff9b::/96 opens NAT64, but not NAT64 of 169.254.169.254.
 *
 * @param address any address
 * @returns the block, or undefined if the address is public
 */
export function findBlock(address: Address): Block | undefined {
  const found = TABLE.find(address)?.value;
  if (!found || found.class === 'public') return undefined;
  let block = found;
  for (const { address: inner, at } of embeddedIpv4(address)) {
    const innerBlock = TABLE.find(inner)?.value;
    if (!innerBlock || innerBlock.class === 'public' || at + innerBlock.length <= block.length) continue;
    const purpose = `${found.purpose} of ${inner.text}, ${innerBlock.purpose}`;
    block = { class: 'special', purpose, length: at + innerBlock.length };
  }
  return block;
}

/**
 * The innermost special-purpose block around a whole prefix.
 *
 * @param prefix any prefix
 * @returns the block, or undefined if there is none
 */
export function findBlockOfPrefix(prefix: Prefix): Block | undefined {
  const block = TABLE.findPrefix(prefix)?.value;
  return block?.class === 'public' ? undefined : block;
}

/**
 * The class of every address of a prefix.
 *
 * @returns undefined if the classes differ, or could: an IPv6 prefix may have forms with IPv4 addresses of any class inside
 */
export function findClassOfPrefix(prefix: Prefix): BlockClass | undefined {
  if (prefix.length === familyBits(prefix.family))
    return findBlock(addressFromBytes(prefix.bytes))?.class ?? 'public';
  if (prefix.family === 6) return undefined;
  const common = TABLE.findPrefix(prefix)?.value?.class ?? 'public';
  const differs = BLOCKS.some(
    ({ prefix: inner, value }) =>
      value.class !== common && inner.length > prefix.length && holdsPrefix(prefix, inner),
  );
  return differs ? undefined : common;
}
