// IPv4 addresses that are not on the Internet: every entry of IANA's IPv4 Special-Purpose Address Registry
// (iana.org/assignments/iana-ipv4-special-registry), and multicast (RFC 5771).
import type { SpecialBlock } from './special-block.js';

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
