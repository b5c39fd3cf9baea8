// The error of an aborted call. Runs in the plugin.

/**
 * As Node's own promises reject when their signal is aborted: `name` is AbortError, `code` ABORT_ERR, `cause` the
 * signal's reason. Node exports no such class.
 */
export class AbortError extends Error {
  override readonly name: string = 'AbortError';
  readonly code: string = 'ABORT_ERR';

  constructor(signal: AbortSignal) {
    super('The operation was aborted', { cause: signal.reason });
  }
}
