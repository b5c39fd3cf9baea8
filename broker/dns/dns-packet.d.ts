// Types for dns-packet, which ships none. The broker uses its encoder alone; decode-dns-question.ts reads what comes in.
declare module 'dns-packet' {
  interface AddressRecord {
    readonly type: 'A' | 'AAAA';
    readonly name: string;
    /** Seconds. */
    readonly ttl: number;
    readonly data: string;
  }

  interface OptRecord {
    readonly type: 'OPT';
    readonly name: '.';
    readonly udpPayloadSize: number;
    /** The upper 8 bits of the response code. */
    readonly extendedRcode: number;
    readonly flags: number;
    readonly options: readonly { readonly code: number; readonly data: Buffer }[];
  }

  interface Message {
    readonly type: 'query' | 'response';
    readonly id: number;
    /** The header's word without QR, opcode and response code included. */
    readonly flags: number;
    readonly answers: readonly AddressRecord[];
    readonly additionals: readonly OptRecord[];
  }

  export function encode(message: Message): Buffer;

  /** For the tests. */
  export function decode(message: Buffer): Message & {
    readonly rcode: string;
    readonly opcode: string;
    readonly flag_tc: boolean;
    readonly flag_aa: boolean;
    readonly flag_ra: boolean;
    readonly flag_rd: boolean;
    readonly questions: readonly { readonly name: string; readonly type: string }[];
  };
}
