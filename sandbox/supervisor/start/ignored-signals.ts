// The signals that were ignored when postern was started, for example under nohup(1). The plugin must ignore them too. Node resets them, so
// deploy/command.sh reads them before. A supervisor that is started in another way knows of none.
const MASK = 'POSTERN_IGNORED_SIGNALS';

/** By number. */
export const IGNORED_SIGNALS: readonly number[] = numbersOf(process.env[MASK] ?? '');
delete process.env[MASK];

/** @param mask SigIgn of proc_pid_status(5): hexadecimal, signal 1 is the lowest bit */
function numbersOf(mask: string): number[] {
  if (!/^[0-9a-f]{1,16}$/.test(mask)) return [];
  return [...BigInt(`0x${mask}`).toString(2)].reverse().flatMap((bit, at) => (bit === '1' ? [at + 1] : []));
}
