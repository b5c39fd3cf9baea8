// The error that the library's promises reject with. Runs in the plugin.

import { constants } from 'node:os';
import { PosternError, type SystemCode } from '../../shared/errors.js';
import type { FailureReply, ReplyReason } from '../../shared/protocol/messages.js';

const ERRNO = constants.errno as Readonly<Record<string, number | undefined>>;
/** libuv's UV_EAI_NONAME and UV_EAI_AGAIN. Node's own dns errors have these numbers. */
const RESOLVER_ERRNO: Readonly<Record<string, number | undefined>> = { ENOTFOUND: -3008, EAI_AGAIN: -3001 };

/**
 * A connection that the broker refused or could not make, or a missing channel.
 *
 * Tell errors apart by `code`: `EACCES` for a refusal by the policy; the system's name for a failed attempt
 * (`ECONNREFUSED`, `ETIMEDOUT`, `ENOTFOUND`, …); `EAGAIN` where a limit is reached; `EMFILE` where this process has no
 * descriptor left for the socket; `EPIPE` where the channel has ended; `ENOCHANNEL` where there is no channel.
 */
export class PluginError extends PosternError {
  /** The negative number of `code`, as in Node's own errors, for `util.getSystemErrorName`; undefined for ENOCHANNEL. */
  readonly errno: number | undefined;
  /** The policy's reason, or the end of the attempt; undefined where the channel itself failed. */
  readonly reason: ReplyReason | undefined;
  /** The rule that would allow the request, if there is one. */
  readonly suggestion: string | undefined;

  constructor(
    code: SystemCode,
    message: string,
    options: { reason?: ReplyReason; suggestion?: string | undefined; fix?: string; cause?: unknown } = {},
  ) {
    super(code, message, { fix: options.fix, cause: options.cause });
    const errno = ERRNO[code];
    this.errno = errno === undefined ? RESOLVER_ERRNO[code] : -errno;
    this.reason = options.reason;
    this.suggestion = options.suggestion;
  }

  /** Makes the error for a broker's reply. */
  static from({ errno, message, reason, suggestion }: FailureReply): PluginError {
    return new PluginError(errno as SystemCode, message, { reason, suggestion });
  }
}

// Refuses options of net.connect() that a connection made outside the sandbox cannot have.

/** A local address, a filter of resolved addresses, a buffer that Node reads into by itself. */
const IMPOSSIBLE = ['localAddress', 'localPort', 'blockList', 'onread'] as const;

/** @returns the error: an ignored option could open what the program thinks is closed */
export function impossibleOption(options: object): PluginError | undefined {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const name = IMPOSSIBLE.find((option) => given[option] !== undefined && given[option] !== null);
  if (name === undefined) return undefined;
  return new PluginError(
    'EINVAL',
    `"${name}" cannot be honoured: the connection is made outside the sandbox`,
    {
      fix: 'Leave it out',
    },
  );
}
