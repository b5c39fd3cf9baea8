import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { LAYOUT } from '../../shared/sys/layout.js';
import { readTcpAccount, TCP_STATE } from '../../shared/sys/socket-state.js';

const INFO = LAYOUT['struct tcp_info'];
const little = endianness() === 'LE';

/** 100 bytes are acknowledged, 150 were sent, and 50 wait. */
function info(queued: number): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(INFO.tcpi_bytes_acked, 101n, little);
  view.setBigUint64(INFO.tcpi_bytes_sent, 160n, little);
  view.setBigUint64(INFO.tcpi_bytes_retrans, 10n, little);
  view.setUint32(INFO.tcpi_segs_out, 3, little);
  view.setUint32(INFO.tcpi_notsent_bytes, queued, little);
  return bytes;
}

// proves: quota: bytes that no peer acknowledges count
// proves: quota: what a socket has still to send counts
test('what was written is what was sent once, acknowledged or not, and what waits, without a FIN', () => {
  const written = (queued: number, state: number): number | undefined =>
    readTcpAccount(info(queued), state)?.writtenBytes;
  assert.equal(written(50, TCP_STATE.ESTABLISHED), 200);
  assert.equal(written(50, TCP_STATE.CLOSE_WAIT), 200);
  assert.equal(written(51, TCP_STATE.FIN_WAIT1), 200);
  assert.equal(written(51, TCP_STATE.LAST_ACK), 200);
  // The FIN has been sent.
  assert.equal(written(0, TCP_STATE.FIN_WAIT1), 150);
  assert.equal(written(50, TCP_STATE.CLOSE), 150);
});
