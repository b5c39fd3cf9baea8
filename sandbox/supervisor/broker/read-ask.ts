// Reads a broker's packet that asks the supervisor for something: JSON with a type. Pure. The broker may have been taken over.

/**
 * @param payload of any length
 * @param read takes the fields, of which none is checked yet. It returns undefined, or throws, for what is no such packet
 * @returns undefined for a packet that no broker of postern sends, and for one of another type
 */
export function readAsk<Packet extends { readonly type: string }, Ask>(
  payload: Uint8Array,
  type: Packet['type'],
  read: (fields: Partial<Packet>) => Ask | undefined,
): Ask | undefined {
  try {
    const fields = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Packet> | null;
    return fields?.type === type ? read(fields) : undefined;
  } catch {
    return undefined;
  }
}
