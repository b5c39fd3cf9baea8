// Reads a broker's packet that asks for the mode of a folder. Pure. The broker may have been taken over.
import type { FolderModePacket } from '../../../shared/protocol/link.js';
import type { FolderMode, Inode } from '../../../shared/sys/set-folder-mode.js';
import { readAsk } from './read-ask.js';

/** What a folder may have: all but S_ISUID. */
const MODES = 0o3777;
const NUMBER = /^\d{1,20}$/;
const SLASH = 0x2f;

export interface ModeAsk {
  readonly session: number;
  readonly id: number;
  readonly change: FolderMode;
}

/** @returns undefined for a packet that no broker of postern sends */
export function readModeAsk(payload: Uint8Array): ModeAsk | undefined {
  return readAsk<FolderModePacket, ModeAsk>(payload, 'folder_mode', (packet) => {
    const { session, id, mode } = packet;
    if (typeof session !== 'number' || typeof id !== 'number') return undefined;
    if (
      typeof mode !== 'number' ||
      !Number.isInteger(mode) ||
      mode < 0 ||
      mode >
        /* protects: G14 folder modes: a broker that was taken over gets no set-uid bit from the supervisor => 0o7777 */ MODES
    )
      return undefined;
    const path = Buffer.from(String(packet.path), 'base64');
    if (path[0] !== SLASH || path.includes(0)) return undefined;
    const inode = packet.inode === undefined ? undefined : readInode(packet.inode, path.length);
    if (inode === null) return undefined;
    const self = typeof packet.self === 'number' ? packet.self : undefined;
    return { session, id, change: { path, self, keepsLink: packet.keepsLink === true, inode, mode } };
  });
}

/** @returns null for what is no inode on the path */
function readInode(
  { dev, ino, length }: NonNullable<FolderModePacket['inode']>,
  pathLength: number,
): Inode | null {
  if (!Number.isInteger(length) || length < 1 || length > pathLength) return null;
  return NUMBER.test(dev) && NUMBER.test(ino) ? { dev: BigInt(dev), ino: BigInt(ino), length } : null;
}
