// DNS questions as bytes, well-formed and not, RFC 1035 and RFC 6891.

export interface QueryParts {
  readonly id?: number;
  readonly flags?: number;
  readonly type?: number;
  readonly class?: number;
  /** Question, answer, authority and additional count; the last without its OPT record. */
  readonly counts?: readonly [number, number, number, number];
  /** The OPT record's fields. */
  readonly edns?: {
    readonly size?: number;
    readonly version?: number;
    readonly do?: boolean;
    readonly options?: Buffer;
  };
  readonly tail?: Buffer;
}

const RECURSION_DESIRED = 0x0100;
const NOTHING: Buffer = Buffer.alloc(0);

/** @param name labels with dots between, or the bytes of a name */
export function query(name: string | Buffer, parts: QueryParts = {}): Buffer {
  const { id = 0x1234, flags = RECURSION_DESIRED, type = 1, edns, tail = NOTHING } = parts;
  const [questions, answers, authorities, additionals] = parts.counts ?? [1, 0, 0, 0];
  const header = Buffer.alloc(12);
  for (const [index, word] of [id, flags, questions, answers, authorities].entries())
    header.writeUInt16BE(word, 2 * index);
  header.writeUInt16BE(additionals + (edns === undefined ? 0 : 1), 10);
  const end = Buffer.alloc(4);
  end.writeUInt16BE(type, 0);
  end.writeUInt16BE(parts.class ?? 1, 2);
  const encoded = typeof name === 'string' ? nameBytes(name) : name;
  return Buffer.concat([header, encoded, end, edns === undefined ? NOTHING : opt(edns), tail]);
}

export function nameBytes(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.map((label) =>
    Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
  );
  return Buffer.concat([...parts, Buffer.from([0])]);
}

export function opt({
  size = 1232,
  version = 0,
  do: dnssec = false,
  options = NOTHING,
}: NonNullable<QueryParts['edns']>): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(41, 1);
  record.writeUInt16BE(size, 3);
  record.writeUInt8(version, 6);
  record.writeUInt16BE(dnssec ? 0x8000 : 0, 7);
  record.writeUInt16BE(options.length, 9);
  return Buffer.concat([record, options]);
}
