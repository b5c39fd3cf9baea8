// The names of the commands that ask a running postern. start.ts chooses a program by them, and loads nothing else.

export const CONTROL_NAMES: readonly string[] = [
  'status',
  'top',
  'connections',
  'denials',
  'logs',
  'asks',
  'approve',
  'deny',
  'reload',
  'start',
  'stop',
  'restart',
];
