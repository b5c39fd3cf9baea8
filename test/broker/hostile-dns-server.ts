// A hostile DNS server: it gives the same question another answer each time, with chains of CNAME and records that were not asked for.
import { createSocket } from 'node:dgram';

export interface HostileRecord {
  readonly owner: string;
  readonly type: 'A' | 'CNAME';
  readonly data: string;
  readonly ttl?: number;
}

export interface HostileDnsServer {
  /** In the form of the broker's configuration. */
  readonly address: string;
  /** Names of questions of type A. */
  readonly asked: string[];
  readonly close: () => void;
}

const TYPE = { A: 1, CNAME: 5 } as const;

/** @param answer to a question of type A; the count is that of the name's questions before. AAAA has no records */
export async function startHostileDnsServer(
  answer: (name: string, count: number) => readonly HostileRecord[],
): Promise<HostileDnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, { address, port }) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join('.').toLowerCase();
    const isA = query.readUInt16BE(at + 1) === TYPE.A;
    const records = isA ? answer(name, asked.filter((one) => one === name).length) : [];
    if (isA) asked.push(name);
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...records.map(encode)]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${socket.address().port}`, asked, close: () => socket.close() };
}

function encode({ owner, type, data, ttl = 0 }: HostileRecord): Buffer {
  const value = type === 'A' ? Buffer.from(data.split('.').map(Number)) : encodeName(data);
  const fields = Buffer.alloc(10);
  fields.writeUInt16BE(TYPE[type], 0);
  fields.writeUInt16BE(1, 2);
  fields.writeUInt32BE(ttl, 4);
  fields.writeUInt16BE(value.length, 8);
  return Buffer.concat([encodeName(owner), fields, value]);
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
