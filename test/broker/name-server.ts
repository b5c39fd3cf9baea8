// A DNS server with a few hand-made answers, RFC 1035, that keeps a list of its questions.
import { createSocket, type Socket } from 'node:dgram';

const TYPE = { 1: 'A', 28: 'AAAA' } as const;
const RCODE = { NXDOMAIN: 3, SERVFAIL: 2 } as const;

/** Addresses by `name TYPE`; NXDOMAIN or SERVFAIL; null for a server that does not answer. */
export type Zone = Readonly<Record<string, readonly string[] | keyof typeof RCODE | null>>;

export interface NameServer {
  /** In the form of the broker's configuration. */
  readonly address: string;
  /** `name TYPE` of each question. */
  readonly questions: string[];
  /** From which the questions came. */
  readonly ports: ReadonlySet<number>;
  /** From now on the name does not exist. Questions for it that had no answer get this one. */
  readonly deny: (name: string) => void;
  readonly close: () => void;
}

/**
 * @param delayMs by `name TYPE`, before an answer
 * @param at where it listens; by default a free port of loopback
 */
export async function startNameServer(
  zone: Zone,
  delayMs: Readonly<Record<string, number>> = {},
  at: { readonly address: string; readonly port: number } = { address: '127.0.0.1', port: 0 },
): Promise<NameServer> {
  const socket: Socket = createSocket('udp4');
  const questions: string[] = [];
  const ports = new Set<number>();
  const late = new Set<NodeJS.Timeout>();
  const unanswered: { readonly key: string; readonly send: () => void }[] = [];
  const denied = new Set<string>();
  socket.on('message', (query, { address, port }) => {
    const { key, end, type } = readQuestion(query);
    questions.push(key);
    ports.add(port);
    const entry = key in zone && !denied.has(nameOf(key)) ? zone[key] : 'NXDOMAIN';
    const send = (known: Zone[string] | undefined): void => {
      if (known === null || known === undefined) return;
      const reply =
        typeof known === 'string'
          ? answer(query, end, type, [], RCODE[known])
          : answer(query, end, type, known, 0);
      socket.send(reply, port, address, () => {});
    };
    if (entry === null) unanswered.push({ key, send: () => send('NXDOMAIN') });
    else late.add(setTimeout(() => send(entry), delayMs[key] ?? 0));
  });
  await new Promise<void>((resolve) => socket.bind(at.port, at.address, resolve));
  return {
    address: `${at.address}:${socket.address().port}`,
    questions,
    ports,
    deny: (name) => {
      denied.add(name);
      for (const { key, send } of unanswered) if (nameOf(key) === name) send();
    },
    close: () => {
      for (const timer of late) clearTimeout(timer);
      socket.close();
    },
  };
}

function nameOf(key: string): string {
  return key.split(' ')[0] ?? '';
}

function readQuestion(query: Buffer): { key: string; end: number; type: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const word = type === 1 || type === 28 ? TYPE[type] : String(type);
  return { key: `${labels.join('.').toLowerCase()} ${word}`, end: at + 5, type };
}

function answer(
  query: Buffer,
  end: number,
  type: number,
  addresses: readonly string[],
  rcode: number,
): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // QR, RD, RA.
  header.writeUInt16BE(0x8180 | rcode, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  const records = addresses.map((address) => {
    const data = addressBytes(address);
    const record = Buffer.alloc(12);
    // A pointer to the question's name, class IN, TTL 60.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...records]);
}

function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [left = '', right = ''] = text.split('::');
  const groups = (part: string): string[] => part.split(':').filter(Boolean);
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  const all = [...groups(left), ...zeros, ...groups(right)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
