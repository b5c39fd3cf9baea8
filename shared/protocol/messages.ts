// The messages of the channel, version 1, with the keys of PROTOCOL.md. Runs in broker and plugin.
import type { DecisionWord, Outcome, PluginReason, Reason } from '../words.js';

export const PROTOCOL_VERSION = 1;

/** A request of a plugin. `id` is 0 to 4,294,967,295. */
export type ChannelRequest =
  | { readonly op: 'hello'; readonly version: number }
  | ConnectRequest
  | { readonly op: 'cancel'; readonly id: number }
  | { readonly op: 'open_channel'; readonly id: number }
  | ExplainRequest;

export interface ConnectRequest {
  readonly op: 'connect';
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** 1 to MAX_CONNECT_TIMEOUT_MS. */
  readonly timeout_ms?: number;
}

export interface ExplainRequest {
  readonly op: 'explain';
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** The reason of the policy, or how the attempt ended. */
export type ReplyReason = PluginReason | Exclude<Outcome, 'connected'>;

/** A reply of the broker. */
export type ChannelReply = HelloReply | ConnectedReply | PartReply | ExplainReply | FailureReply;

export interface HelloReply {
  readonly op: 'hello';
  readonly version: number;
  /** Sent without a request: a new broker serves the channel. */
  readonly resumed?: true;
}

/** Comes with a connected socket. */
interface ConnectedReply {
  readonly id: number;
  readonly ok: true;
}

/** Comes with the descriptor of one end of a new channel. */
interface PartReply {
  readonly id: number;
  readonly ok: true;
  readonly part: 'request' | 'reply';
}

export interface ExplainReply {
  readonly id: number;
  readonly ok: true;
  readonly decision: Exclude<DecisionWord, 'deny'>;
  readonly reason: Reason;
}

export interface FailureReply {
  readonly id: number;
  readonly ok: false;
  /** The name of an errno, or an error of the resolver: ENOTFOUND, EAI_AGAIN. */
  readonly errno: string;
  readonly reason: ReplyReason;
  readonly message: string;
  readonly suggestion?: string;
}
