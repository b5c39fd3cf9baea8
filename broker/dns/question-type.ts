// The types of questions that are told apart, and the names of those that programs are seen to ask. Runs in the broker.

const A = 1;
const AAAA = 28;
const NAMES: Readonly<Record<number, string>> = {
  [A]: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  [AAAA]: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  64: 'SVCB',
  65: 'HTTPS',
};

/** The family of addresses that a type asks for. */
export function familyOfType(type: number): 4 | 6 | undefined {
  if (type === A) return 4;
  return type === AAAA ? 6 : undefined;
}

/** As a zone file writes it, RFC 3597 section 5 for those that are not in the table. */
export function typeName(type: number): string {
  return NAMES[type] ?? `TYPE${type}`;
}
