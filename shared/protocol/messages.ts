// The channel's messages, version 1, as PROTOCOL.md has them: keys as they stand on the wire. Runs in broker and plugin.
import type { DecisionWord, Outcome, PluginReason, Reason } from '../reasons.js';

export const PROTOCOL_VERSION = 1;

/** What a plugin asks for. `id` is 0 to 4,294,967,295. */
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

/** The policy's word, or how the attempt ended. */
export type ReplyReason = PluginReason | Exclude<Outcome, 'connected'>;

/** What the broker answers. */
export type ChannelReply = HelloReply | ConnectedReply | PartReply | ExplainReply | FailureReply;

export interface HelloReply {
  readonly op: 'hello';
  readonly version: number;
  /** Unasked: a new broker serves the channel. */
  readonly resumed?: true;
}

/** Comes with a connected socket. */
export interface ConnectedReply {
  readonly id: number;
  readonly ok: true;
}

/** One end of a fresh channel, with its descriptor. */
export interface PartReply {
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
  /** errno's name, or a resolver's: ENOTFOUND, EAI_AGAIN. */
  readonly errno: string;
  readonly reason: ReplyReason;
  readonly message: string;
  readonly suggestion?: string;
}
