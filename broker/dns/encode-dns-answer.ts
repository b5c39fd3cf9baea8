// An answer's bytes, by dns-packet. Runs in the broker on values of its own; the question goes back as it came, whatever
// its letters' case (which clients use as a nonce) and bytes: dns-packet writes names without compression, so that nothing
// in its message depends on where it stands.
import { encode } from 'dns-packet';
import { MAX_DATAGRAM_ANSWER_BYTES, MAX_QUESTION_BYTES } from '../../shared/limits.js';
import type { DnsQuestion, DnsRejection } from './decode-dns-question.js';
import type { DnsAnswer, ResponseCode } from './dns-answer.js';

const CODES: Readonly<Record<ResponseCode, number>> = {
  noerror: 0,
  formerr: 1,
  servfail: 2,
  nxdomain: 3,
  notimp: 4,
  refused: 5,
  badvers: 16,
};
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const DNSSEC_OK = 0x8000;
const HEADER_BYTES = 12;
/** RFC 1035 section 4.2.1: without EDNS. */
const PLAIN_BYTES = 512;
const EXTENDED_ERROR = 15;
const BLOCKED = 15;

type Body = Pick<Parameters<typeof encode>[0], 'answers' | 'additionals'>;

/** How the answer travels: a datagram's length is the asker's to say. */
export type Transport = 'udp' | 'tcp';

/** Encodes an answer; one that is too long for its datagram says so (TC) and is asked for again by TCP. */
export function encodeDnsAnswer(question: DnsQuestion, answer: DnsAnswer, transport: Transport): Buffer {
  const { id, name, bytes, edns, recursionDesired } = question;
  const code = CODES[answer.code];
  const flags = flagsOf(0, recursionDesired, code);
  const answers = answer.addresses.map(({ family, text }) => {
    return { type: family === 4 ? 'A' : 'AAAA', name, ttl: answer.ttl, data: text } as const;
  });
  const additionals = edns === undefined ? [] : [optRecord(edns.do, code, answer.blocked)];
  const message = assemble(id, flags, bytes, { answers, additionals });
  const most = Math.min(Math.max(edns?.size ?? 0, PLAIN_BYTES), MAX_DATAGRAM_ANSWER_BYTES);
  if (transport === 'tcp' || message.length <= most) return message;
  return assemble(id, flags | TRUNCATED, bytes, { answers: [], additionals });
}

/** Encodes a rejection. */
export function encodeDnsRejection({ rejected, id, opcode, recursionDesired, bytes }: DnsRejection): Buffer {
  const flags = flagsOf(opcode, recursionDesired, CODES[rejected]);
  return assemble(id, flags, bytes, { answers: [], additionals: [] });
}

function flagsOf(opcode: number, recursionDesired: boolean, code: number): number {
  return (opcode << 11) | (recursionDesired ? RECURSION_DESIRED : 0) | RECURSION_AVAILABLE | (code & 0xf);
}

function optRecord(
  dnssecOk: boolean,
  code: number,
  blocked: string | undefined,
): Body['additionals'][number] {
  const options =
    blocked === undefined
      ? []
      : [{ code: EXTENDED_ERROR, data: Buffer.concat([Buffer.from([0, BLOCKED]), Buffer.from(blocked)]) }];
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_QUESTION_BYTES,
    extendedRcode: code >> 4,
    flags: dnssecOk ? DNSSEC_OK : 0,
    options,
  };
}

function assemble(id: number, flags: number, question: Uint8Array, body: Body): Buffer {
  const message = encode({ type: 'response', id, flags, ...body });
  if (question.length === 0) return message;
  const whole = Buffer.concat([message.subarray(0, HEADER_BYTES), question, message.subarray(HEADER_BYTES)]);
  whole.writeUInt16BE(1, 4);
  return whole;
}
