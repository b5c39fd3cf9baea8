// Writes the answer of a trapped ioctl(2) or socketpair(2) into the memory of its caller. Runs in a thread of the supervisor: the broker may write into no
// process. It names the caller and brings the answer, and may have been taken over. So the kernel says whether a thread of that sandbox waits
// in such a call, and where the call wants its answer.
import { constants } from 'node:os';
import { waitsKillable } from '../../../shared/sys/kernel-features.js';
import { LAYOUT } from '../../../shared/sys/layout.js';
import {
  IFCONF_BYTES,
  IFREQ_BYTES,
  INTERFACE_READS,
  SIOCGIFCONF,
} from '../../../shared/sys/network-interface.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SOCK_DGRAM, SOCK_TYPE_MASK } from '../../../shared/sys/socket.js';
import { WaitingThread } from '../../../shared/sys/waiting-thread.js';
import { trapCall } from '../../../shared/trap-calls.js';

const { EAGAIN, EFAULT, EPERM } = constants.errno;
const LOW_32 = 0xffffffffn;
/** Two ints, socketpair(2). */
const PAIR_BYTES = 8;

/** The answer to a caller. */
export interface CallerAnswer {
  /** On the host. */
  readonly tid: number;
  /** Of the sandbox; undefined: not known. */
  readonly pidNamespace: string | undefined;
  /** A struct ifreq; for SIOCGIFCONF any number of them; for socketpair(2) two ints. */
  readonly bytes: Uint8Array;
}

let killable: boolean | undefined;

/** @returns 0, -EAGAIN if the thread waits for no call yet, -EPERM if no thread of the sandbox waits for such an answer, or -EFAULT */
export function answerCaller({ tid, pidNamespace, bytes }: CallerAnswer): number {
  // Before Linux 5.19 a handled signal can end the call at any moment. The answer would come into memory that has another use by then.
  killable ??= waitsKillable();
  if (!killable) return -EPERM;
  const opened = WaitingThread.open(tid);
  if (typeof opened === 'number') return -EPERM;
  using thread = opened;
  // protects: G16 an answer is written into the sandbox's processes alone
  if (pidNamespace === undefined || thread.pidNamespace !== pidNamespace) return -EPERM;
  const { call } = thread;
  // It is on its way into the wait: its call was just reported, or the kernel had it take a descriptor. Without a free processor that takes long.
  // protects: G16 an answer to a thread that still runs is asked for again
  if (call === 'running') return -EAGAIN;
  const { number, arguments: [domain = 0n, word = 0n, pointer = 0n, fourth = 0n] = [] } = call ?? {};
  if (number !== undefined && trapCall(number) === 'socketpair')
    return writePair(thread, { domain, type: word, pointer: fourth }, bytes);
  const request = Number(word & LOW_32);
  if (
    /* protects: G16 an answer is written only for a call that waits for one (whole) => number === undefined || false */ number ===
      undefined ||
    trapCall(number) !== 'ioctl' ||
    !INTERFACE_READS.includes(request)
  )
    return -EPERM;
  if (request === SIOCGIFCONF) return writeList(thread, pointer, bytes);
  // protects: G16 an answer has the size that the call wants
  if (bytes.length !== IFREQ_BYTES) return -EPERM;
  return thread.write(pointer, bytes) ? 0 : -EFAULT;
}

/** The filter reports no other pair. A false number gains nothing: the program uses the descriptors of its own table. */
function writePair(
  thread: WaitingThread,
  { domain, type, pointer }: { readonly domain: bigint; readonly type: bigint; readonly pointer: bigint },
  numbers: Uint8Array,
): number {
  const kind = Number(type & LOW_32) & SOCK_TYPE_MASK;
  // protects: G16 the numbers of a pair are written only for a call that waits for them
  if (Number(domain & LOW_32) !== AF_UNIX || kind !== SOCK_DGRAM || numbers.length !== PAIR_BYTES)
    return -EPERM;
  return thread.write(pointer, numbers) ? 0 : -EFAULT;
}

/** As the kernel: as many entries as the caller has room for, or only their length where it gives no buffer. */
function writeList(thread: WaitingThread, pointer: bigint, list: Uint8Array): number {
  const ifconf = new Uint8Array(IFCONF_BYTES);
  if (!thread.read(pointer, ifconf)) return -EFAULT;
  const view = new DataView(ifconf.buffer);
  const buffer = view.getBigUint64(LAYOUT['struct ifconf'].ifc_buf, true);
  const room =
    buffer === 0n
      ? list.length
      : Math.max(
          0,
          /* protects: G16 a list of interfaces fits the room of the caller => list.length */ Math.min(
            view.getInt32(0, true),
            list.length,
          ),
        );
  const length = room - (room % IFREQ_BYTES);
  if (buffer !== 0n && length > 0 && !thread.write(buffer, list.subarray(0, length))) return -EFAULT;
  view.setInt32(0, length, true);
  return thread.write(pointer, ifconf.subarray(0, 4)) ? 0 : -EFAULT;
}
