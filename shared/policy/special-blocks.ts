// The classes of addresses, the blocks of special ones (IANA's registries, cloud metadata), and the block that an address is in. The
// innermost block around an address is its own, and gives it its class. A rule that denies the class of any block around it covers it too. Pure.
import { ADDRESS_CLASSES, type AddressClass } from '../words.js';
import { type Address, addressFromBytes } from './address.js';
import { holdsPrefix, type Prefix, prefixConstant, sameBits } from './prefix.js';
import { type PrefixNode, PrefixTree } from './prefix-tree.js';

interface ClassFacts {
  /** In a message, behind "10.0.0.1 is". */
  readonly what: string;
  /** Whether the message adds the purpose of the block. */
  readonly addsPurpose: boolean;
  /** Whether a rule can name the class. A rule opens the others by their very addresses. */
  readonly hasRules: boolean;
  /** Whether its addresses mean this host or its link. Behind a proxy they would mean the proxy's. */
  readonly near: boolean;
}

export const CLASS_FACTS: Readonly<Record<AddressClass, ClassFacts>> = {
  public: { what: 'a public address', addsPurpose: false, hasRules: true, near: false },
  private: { what: 'a private address', addsPurpose: false, hasRules: true, near: false },
  loopback: { what: 'a loopback address', addsPurpose: false, hasRules: true, near: true },
  linklocal: { what: 'a link-local address', addsPurpose: false, hasRules: true, near: true },
  metadata: { what: 'a metadata address', addsPurpose: true, hasRules: true, near: true },
  own: { what: 'an address of this host', addsPurpose: false, hasRules: false, near: true },
  listener: { what: 'where postern itself listens', addsPurpose: false, hasRules: false, near: true },
  special: { what: 'a special-purpose address', addsPurpose: true, hasRules: false, near: false },
};

/** The classes that a rule can name. */
export const RULE_CLASSES: readonly AddressClass[] = ADDRESS_CLASSES.filter(
  (name) => CLASS_FACTS[name].hasRules,
);

// The form of an entry in the tables of special-purpose addresses.

/** The class of a block in the tables. The others are found by host-block.ts. */
type BlockClass = Exclude<AddressClass, 'own' | 'listener'>;

/**
 * A prefix, the purpose of its addresses, their class, and the source. `public` marks an entry that is globally reachable inside one that
 * is not.
 */
type SpecialBlock = readonly [prefix: string, purpose: string, blockClass: BlockClass, source: string];

// IPv4 addresses that are not on the Internet: every entry of IANA's IPv4 Special-Purpose Address Registry
// (iana.org/assignments/iana-ipv4-special-registry), and multicast (RFC 5771).

export const SPECIAL_IPV4: readonly SpecialBlock[] = [
  ['0.0.0.0/8', 'this network', 'special', 'RFC 791 section 3.2'],
  ['0.0.0.0/32', 'this host on this network', 'special', 'RFC 1122 section 3.2.1.3'],
  ['10.0.0.0/8', 'private use', 'private', 'RFC 1918'],
  ['100.64.0.0/10', 'shared address space', 'private', 'RFC 6598'],
  ['127.0.0.0/8', 'loopback', 'loopback', 'RFC 1122 section 3.2.1.3'],
  ['169.254.0.0/16', 'link local', 'linklocal', 'RFC 3927'],
  ['172.16.0.0/12', 'private use', 'private', 'RFC 1918'],
  ['192.0.0.0/24', 'IETF protocol assignments', 'special', 'RFC 6890 section 2.1'],
  ['192.0.0.0/29', 'IPv4 service continuity', 'special', 'RFC 7335'],
  ['192.0.0.8/32', 'IPv4 dummy address', 'special', 'RFC 7600'],
  ['192.0.0.9/32', 'PCP anycast, globally reachable', 'public', 'RFC 7723'],
  ['192.0.0.10/32', 'TURN anycast, globally reachable', 'public', 'RFC 8155'],
  ['192.0.0.170/32', 'NAT64/DNS64 discovery', 'special', 'RFC 8880, RFC 7050 section 2.2'],
  ['192.0.0.171/32', 'NAT64/DNS64 discovery', 'special', 'RFC 8880, RFC 7050 section 2.2'],
  ['192.0.2.0/24', 'documentation (TEST-NET-1)', 'special', 'RFC 5737'],
  ['192.31.196.0/24', 'AS112, globally reachable', 'public', 'RFC 7535'],
  ['192.52.193.0/24', 'AMT, globally reachable', 'public', 'RFC 7450'],
  // Its "globally reachable" is N/A, which promises nothing.
  ['192.88.99.0/24', '6to4 relay anycast, deprecated', 'special', 'RFC 7526'],
  ['192.88.99.2/32', '6a44 relay anycast', 'special', 'RFC 6751'],
  ['192.168.0.0/16', 'private use', 'private', 'RFC 1918'],
  ['192.175.48.0/24', 'AS112 direct delegation, globally reachable', 'public', 'RFC 7534'],
  ['198.18.0.0/15', 'benchmarking', 'special', 'RFC 2544'],
  ['198.51.100.0/24', 'documentation (TEST-NET-2)', 'special', 'RFC 5737'],
  ['203.0.113.0/24', 'documentation (TEST-NET-3)', 'special', 'RFC 5737'],
  ['224.0.0.0/4', 'multicast', 'special', 'RFC 5771; iana.org/assignments/multicast-addresses'],
  ['240.0.0.0/4', 'reserved', 'special', 'RFC 1112 section 4'],
  ['255.255.255.255/32', 'limited broadcast', 'special', 'RFC 8190, RFC 919 section 7'],
];

// IPv6 addresses that are not on the Internet, from two registries of IANA: the entries of the IPv6 Address Space
// (iana.org/assignments/ipv6-address-space) outside 2000::/3, and those of the IPv6 Special-Purpose Address Registry
// (iana.org/assignments/iana-ipv6-special-registry), except ::ffff:0:0/96, which is read as IPv4.

export const SPECIAL_IPV6: readonly SpecialBlock[] = [
  ['::/8', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['100::/8', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['200::/7', 'reserved', 'special', 'RFC 4048'],
  ['400::/6', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['800::/5', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['1000::/4', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['4000::/3', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['6000::/3', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['8000::/3', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['a000::/3', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['c000::/3', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['e000::/4', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['f000::/5', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['f800::/6', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['fe00::/9', 'reserved', 'special', 'RFC 4291, RFC 3513'],
  ['fec0::/10', 'site local, deprecated', 'special', 'RFC 3879'],
  ['ff00::/8', 'multicast', 'special', 'RFC 4291'],

  ['::/128', 'unspecified address', 'special', 'RFC 4291 section 2.5.2'],
  ['::1/128', 'loopback', 'loopback', 'RFC 4291 section 2.5.3'],
  ['::/96', 'IPv4-compatible, deprecated', 'special', 'RFC 4291 section 2.5.5.1'],
  ['::ffff:0:0:0/96', 'IPv4-translated', 'special', 'RFC 2765 section 2.1'],
  // Globally reachable, says the registry; but it reaches the IPv4 address inside.
  ['64:ff9b::/96', 'NAT64', 'special', 'RFC 6052'],
  ['64:ff9b:1::/48', 'NAT64 of local use', 'special', 'RFC 8215'],
  ['100::/64', 'discard only', 'special', 'RFC 6666'],
  ['100:0:0:1::/64', 'IPv6 dummy prefix', 'special', 'RFC 9780'],
  ['2001::/23', 'IETF protocol assignments', 'special', 'RFC 2928'],
  ['2001::/32', 'Teredo', 'special', 'RFC 4380, RFC 8190'],
  ['2001:1::1/128', 'PCP anycast, globally reachable', 'public', 'RFC 7723'],
  ['2001:1::2/128', 'TURN anycast, globally reachable', 'public', 'RFC 8155'],
  ['2001:1::3/128', 'DNS-SD SRP anycast, globally reachable', 'public', 'RFC 9665'],
  ['2001:2::/48', 'benchmarking', 'special', 'RFC 5180, RFC errata 1752'],
  ['2001:3::/32', 'AMT, globally reachable', 'public', 'RFC 7450'],
  ['2001:4:112::/48', 'AS112, globally reachable', 'public', 'RFC 7535'],
  ['2001:10::/28', 'ORCHID, deprecated', 'special', 'RFC 4843'],
  ['2001:20::/28', 'ORCHIDv2, globally reachable', 'public', 'RFC 7343'],
  ['2001:30::/28', 'drone remote id, globally reachable', 'public', 'RFC 9374'],
  ['2001:db8::/32', 'documentation', 'special', 'RFC 3849'],
  ['2002::/16', '6to4', 'special', 'RFC 3056'],
  ['2620:4f:8000::/48', 'AS112 direct delegation, globally reachable', 'public', 'RFC 7534'],
  ['3fff::/20', 'documentation', 'special', 'RFC 9637'],
  ['5f00::/16', 'segment routing SIDs', 'special', 'RFC 9602'],
  ['fc00::/7', 'unique local', 'private', 'RFC 4193, RFC 8190'],
  ['fe80::/10', 'link local', 'linklocal', 'RFC 4291 section 2.5.6'],
];

// The single addresses on which clouds answer with an instance's data and credentials.

export const METADATA_ADDRESSES: readonly SpecialBlock[] = [
  [
    '169.254.169.254',
    'instance metadata',
    'metadata',
    'docs.aws.amazon.com/AWSEC2 instancedata-data-retrieval; Azure, GCP, OCI, OpenStack and others alike',
  ],
  [
    '169.254.170.2',
    'ECS task metadata and credentials',
    'metadata',
    'docs.aws.amazon.com/AmazonECS task-metadata-endpoint',
  ],
  ['169.254.170.23', 'EKS Pod Identity agent', 'metadata', 'docs.aws.amazon.com/eks pod-id-how-it-works'],
  ['fd00:ec2::23', 'EKS Pod Identity agent', 'metadata', 'docs.aws.amazon.com/eks pod-id-how-it-works'],
  [
    'fd00:ec2::254',
    'EC2 instance metadata',
    'metadata',
    'docs.aws.amazon.com/AWSEC2 instancedata-data-retrieval',
  ],
  [
    'fd20:ce::254',
    'Compute Engine metadata',
    'metadata',
    'cloud.google.com/compute/docs/metadata/querying-metadata',
  ],
  [
    '169.254.169.252',
    'GKE metadata server',
    'metadata',
    'cloud.google.com/kubernetes-engine/docs/concepts/workload-identity',
  ],
  [
    '168.63.129.16',
    'Azure platform (wire server)',
    'metadata',
    'learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16',
  ],
  [
    '100.100.100.200',
    'Alibaba Cloud ECS metadata',
    'metadata',
    'alibabacloud.com/help/ecs view-instance-metadata',
  ],
  [
    '192.0.0.192',
    'Oracle Cloud Classic metadata',
    'metadata',
    'docs.oracle.com/cloud/iaas-classic retrieving instance metadata',
  ],
  [
    'fd00:c1::a9fe:a9fe',
    'OCI instance metadata',
    'metadata',
    'docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm',
  ],
  [
    '169.254.42.42',
    'Scaleway instance metadata',
    'metadata',
    'docs.cloud-init.io reference/datasources/scaleway',
  ],
  [
    'fd00:42::42',
    'Scaleway instance metadata',
    'metadata',
    'docs.cloud-init.io reference/datasources/scaleway',
  ],
  [
    '169.254.0.23',
    'Tencent Cloud CVM metadata',
    'metadata',
    'cloud.tencent.com/document/product/213/4934 (metadata.tencentyun.com)',
  ],
  [
    'fe80::a9fe:a9fe',
    'OpenStack metadata',
    'metadata',
    'docs.openstack.org/neutron metadata-add-ipv6-support',
  ],
];

// The IPv4 address inside an IPv6 address, which a translator or tunnel reaches. NAT64 of 169.254.169.254 is the metadata service
// by another name.

/** An IPv4 address inside an IPv6 one. */
interface EmbeddedIpv4 {
  readonly address: Address;
  /** The bit of the IPv6 address at which it begins, 0 to 96. */
  readonly at: number;
}

/** A form, the bit at which its IPv4 address begins, and the byte with which each of its bytes is combined by XOR. */
const FORMS = [
  ['::/96', 96, 0], // RFC 4291 section 2.5.5.1
  ['::ffff:0:0:0/96', 96, 0], // RFC 2765 section 2.1
  ['64:ff9b::/96', 96, 0], // RFC 6052 section 2.1
  ['64:ff9b:1::/48', 96, 0], // RFC 8215, read as its /96 prefixes
  ['2002::/16', 16, 0], // RFC 3056 section 2
  ['2001::/32', 32, 0], // RFC 4380 section 4: the server
  ['2001::/32', 96, 0xff], // RFC 4380 section 4: the client, inverted
] as const;
/** The forms of IPv6 addresses with an IPv4 address inside. */
export const IPV4_FORMS: readonly {
  readonly prefix: Prefix;
  /** The bit at which it begins. */
  readonly at: number;
  /** Each of its bytes is combined with it by XOR. */
  readonly mask: number;
}[] = FORMS.map(([form, at, mask]) => ({ prefix: prefixConstant(form), at, mask }));

const NONE: readonly EmbeddedIpv4[] = [];

/**
 * Reads the IPv4 addresses inside IPv4-compatible, IPv4-translated, NAT64, 6to4 and Teredo addresses.
 *
 * @param address any address
 * @returns the IPv4 addresses, none for IPv4 itself, `::` and `::1`
 */
export function embeddedIpv4(address: Address): readonly EmbeddedIpv4[] {
  const { bytes } = address;
  // A form begins with the byte 00 or 20. This quick check runs for every IPv6 address.
  if (address.family === 4 || (bytes[0] !== 0 && bytes[0] !== 0x20)) return NONE;
  if (address.text === '::' || address.text === '::1') return NONE;
  const found: EmbeddedIpv4[] = [];
  for (const { prefix, at, mask } of IPV4_FORMS) {
    if (!sameBits(prefix.bytes, bytes, prefix.length)) continue;
    const inner = bytes.subarray(at / 8, at / 8 + 4).map((byte) => byte ^ mask);
    found.push({ address: addressFromBytes(inner), at });
  }
  return found;
}

// Finds the innermost special-purpose block around an address. It is the same for every plugin.

/** A block of addresses. */
interface Block {
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
/** The prefixes of all special blocks, and of what is public inside them. */
export const SPECIAL_PREFIXES: readonly Prefix[] = BLOCKS.map(({ prefix }) => prefix);
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
 * The classes of all blocks around an address, the innermost first. A rule that denies one of them covers the address, so a new class for a part of
 * a block opens nothing.
 */
export function classesAround(address: Address): readonly BlockClass[] {
  return classesFrom(TABLE.find(address));
}

/** The classes that all addresses of a prefix have around them. */
export function classesAroundPrefix(prefix: Prefix): readonly BlockClass[] {
  const around = TABLE.findPrefix(prefix);
  const mixed =
    around === undefined &&
    BLOCKS.some(({ prefix: inner, value }) => value.class !== 'public' && holdsPrefix(prefix, inner));
  return mixed ? [] : classesFrom(around);
}

function classesFrom(innermost: PrefixNode<Block | undefined> | undefined): readonly BlockClass[] {
  const classes: BlockClass[] = [];
  for (let node = innermost; node; node = node.parent) if (node.value) classes.push(node.value.class);
  return classes.length === 0 ? ['public'] : classes;
}
