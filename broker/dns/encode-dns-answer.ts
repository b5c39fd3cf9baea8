// Encodes an answer, by dns-packet. Runs in the broker on its own values. The question goes back byte for byte, since clients use the case of
// its letters as a nonce. dns-packet writes names without compression, so the question can be put in front of its records.

import { encode } from 'dns-packet';
import { MAX_QUESTION_BYTES } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import type { QuestionAnswer } from '../../shared/words.js';
import type { DnsQuestion, DnsRejection } from './decode-dns-question.js';

const MAX_DATAGRAM_ANSWER_BYTES = 4096;

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
/** The longest answer without EDNS, RFC 1035 section 4.2.1. */
const PLAIN_BYTES = 512;
const EXTENDED_ERROR = 15;
const BLOCKED = 15;

type Body = Pick<Parameters<typeof encode>[0], 'answers' | 'additionals'>;

/** The transport of question and answer. By UDP the asker sets the answer's greatest length. */
export type Transport = 'udp' | 'tcp';

/** Encodes an answer. If it is too long for a datagram it is truncated and says so (TC), and the client asks again by TCP. */
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

// The answers to a sandbox's questions, as values. Pure.

/** RFC 1035 section 4.1.1 and RFC 6891 section 9. */
type ResponseCode = 'noerror' | 'formerr' | 'servfail' | 'nxdomain' | 'notimp' | 'refused' | 'badvers';

/** Addresses stand under the name that was asked for. There is no CNAME. */
export interface DnsAnswer {
  /** For the metrics. */
  readonly answer: QuestionAnswer;
  readonly code: ResponseCode;
  /** Of the family that was asked for. */
  readonly addresses: readonly Address[];
  /** Seconds. */
  readonly ttl: number;
  /** Why the rules withhold something. An asker with EDNS gets it as Extended DNS Error 15, RFC 8914 section 4.16. */
  readonly blocked?: string;
}

/** A name that the rules open. Without addresses it has none of the type. */
export function granted(addresses: readonly Address[] = [], ttl = 0): DnsAnswer {
  return { answer: 'granted', code: 'noerror', addresses, ttl };
}

/** A name that the rules do not open. For the sandbox it does not exist. */
export function refusedName(blocked: string): DnsAnswer {
  return { answer: 'refused', code: 'nxdomain', addresses: [], ttl: 0, blocked };
}

/** A name with addresses of a family, none of which may be dialled. Addresses of its other family may be. */
export function refusedAddresses(): DnsAnswer {
  const blocked = 'no address that may be dialled';
  return { answer: 'refused', code: 'noerror', addresses: [], ttl: 0, blocked };
}

/** A question that could not be answered. */
export function failed(code: ResponseCode): DnsAnswer {
  return { answer: 'error', code, addresses: [], ttl: 0 };
}
