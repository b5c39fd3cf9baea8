// Decodes hostile bytes from a sandbox into an owned DNS question, or into the reason why they are none. Runs in the broker. It is stricter
// than RFC 1035 where no client needs more: one question, no compression, no records except additional ones.
import { MAX_QUESTION_BYTES } from '../../shared/limits.js';

/** A question, RFC 1035 section 4.1.2 and RFC 6891. Nothing in it points into the message. */
export interface DnsQuestion {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** The labels as sent, with dots between them. They may be any bytes, one character each: this is no host name yet. */
  readonly name: string;
  readonly type: number;
  /** The question as sent, for the answer. */
  readonly bytes: Uint8Array;
  readonly edns: Edns | undefined;
}

interface Edns {
  /** The longest UDP answer that the asker takes, in bytes. */
  readonly size: number;
  readonly version: number;
  /** DNSSEC OK, RFC 3225, for the answer. */
  readonly do: boolean;
}

/** A message that gets only a response code. */
export interface DnsRejection {
  readonly rejected: 'formerr' | 'notimp' | 'refused';
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** The question if it could be read, else empty. */
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
const CLASS_IN = 1;
const TYPE_OPT = 41;
/** RFC 6895 section 3.1: types of this range are no data. */
const META_TYPES = { first: 249, any: 255 } as const;
const RESPONSE = 0x8000;
const RECURSION_DESIRED = 0x0100;
const DNSSEC_OK = 0x8000;
const NOTHING: Uint8Array = new Uint8Array();

/**
 * Reads one message.
 *
 * @param message as it came by UDP, or by TCP without its length
 * @returns the question, a rejection, or `drop` if it is no query: too short for a header, too long, or a response. A response
 *   is never answered, or two servers could be made to answer each other
 */
export function decodeDnsQuestion(message: Uint8Array): DnsQuestion | DnsRejection | 'drop' {
  if (message.length < HEADER_BYTES || message.length > MAX_QUESTION_BYTES) return 'drop';
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if ((flags & RESPONSE) !== 0) return 'drop';
  const opcode = (flags >> 11) & 0xf;
  const recursionDesired = (flags & RECURSION_DESIRED) !== 0;
  const reject = (rejected: DnsRejection['rejected'], bytes = NOTHING): DnsRejection => {
    return { rejected, id, opcode, recursionDesired, bytes };
  };
  if (opcode !== 0) return reject('notimp');
  if (view.getUint16(4) !== 1 || view.getUint16(6) !== 0 || view.getUint16(8) !== 0) return reject('formerr');
  const end = skipName(message, HEADER_BYTES);
  if (end === undefined || end + 4 > message.length) return reject('formerr');
  const edns = readAdditional(view, end + 4, view.getUint16(10));
  if (edns === 'malformed') return reject('formerr');
  // A Buffer's slice() would be the message's own memory.
  const bytes = new Uint8Array(message.subarray(HEADER_BYTES, end + 4));
  const type = view.getUint16(end);
  if (type === 0 || type === TYPE_OPT) return reject('formerr', bytes);
  if (type === META_TYPES.any) return reject('notimp', bytes);
  const meta = type >= META_TYPES.first && type < META_TYPES.any;
  const root = end === HEADER_BYTES + 1;
  if (meta || root || view.getUint16(end + 2) !== CLASS_IN) return reject('refused', bytes);
  return { id, recursionDesired, name: nameText(bytes), type, bytes, edns };
}

/** The end of a name without compression, after its final zero; undefined if there is no such name. */
function skipName(message: Uint8Array, start: number): number | undefined {
  for (let at = start; at - start < MAX_NAME_BYTES; ) {
    const length = message[at];
    // The length is cut off, or its upper bits make it a pointer, RFC 1035 section 4.1.4.
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
  return undefined;
}

function nameText(bytes: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0, length = bytes[0] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return labels.join('.');
}

/** Each record takes eleven bytes at least, so the time is linear in the message's length, whatever count it claims. */
function readAdditional(view: DataView, start: number, count: number): Edns | undefined | 'malformed' {
  let edns: Edns | undefined;
  let at = start;
  for (let left = count; left > 0; left -= 1) {
    const record = readRecord(view, at);
    if (record === undefined) return 'malformed';
    if (record.type === TYPE_OPT) {
      // There is one at most, RFC 6891 section 6.1.1, and its name is the root.
      if (edns !== undefined || record.fields !== at + 1 || !areOptions(view, record)) return 'malformed';
      const ttl = view.getUint32(record.fields + 4);
      edns = {
        size: view.getUint16(record.fields + 2),
        version: (ttl >> 16) & 0xff,
        do: (ttl & DNSSEC_OK) !== 0,
      };
    }
    at = record.end;
  }
  return at === view.byteLength ? edns : 'malformed';
}

interface RecordPlace {
  readonly type: number;
  /** Where its type stands. */
  readonly fields: number;
  readonly data: number;
  readonly end: number;
}

function readRecord(view: DataView, start: number): RecordPlace | undefined {
  const fields = skipName(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), start);
  if (fields === undefined || fields + 10 > view.byteLength) return undefined;
  const data = fields + 10;
  const end = data + view.getUint16(fields + 8);
  return end > view.byteLength ? undefined : { type: view.getUint16(fields), fields, data, end };
}

function areOptions(view: DataView, { data, end }: RecordPlace): boolean {
  let at = data;
  while (at + 4 <= end) at += 4 + view.getUint16(at + 2);
  return at === end;
}
