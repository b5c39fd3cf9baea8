// The types of DNS questions: which family they ask for, and their names. Pure.

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

/** The type as in a zone file. Types without a name here are written as RFC 3597 section 5 says. */
export function typeName(type: number): string {
  return NAMES[type] ?? `TYPE${type}`;
}
