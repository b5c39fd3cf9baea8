// Sends the launcher's hello and receives the spec. The hello's credentials give the supervisor this process's pid on the host.
import { readFileSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { succeed } from '../../shared/sys/libc.js';
import { type Message, receiveMessage, sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { LaunchSpec, SpecHeader } from './spec.js';

export interface ReceivedSpec {
  readonly spec: LaunchSpec;
  readonly passed: readonly OwnedFd[];
  readonly trees: readonly OwnedFd[];
}

/** Sends the hello and waits for the spec. Ends the process silently where the supervisor is gone. */
export function receiveSpec(socket: number): ReceivedSpec {
  succeed(sendMessage(socket, new TextEncoder().encode('hello'), [], true), 'sendmsg');
  const { payload, descriptors } = receive(socket);
  const header = JSON.parse(new TextDecoder().decode(payload)) as SpecHeader;
  const [file, ...others] = descriptors;
  if (file === undefined) throw new PosternError('spec', 'The launch spec arrived without its file');
  const spec = JSON.parse(readFileSync(file.number, 'utf8')) as LaunchSpec;
  file.close();
  return { spec, passed: others.slice(0, header.passed), trees: others.slice(header.passed) };
}

function receive(socket: number): Message {
  const message = receiveMessage(socket, undefined, true);
  if (typeof message === 'number') succeed(message, 'recvmsg');
  else if (message.payload.length === 0) process.exit(125);
  else if (message.truncated) throw new PosternError('spec', 'The launch spec arrived truncated');
  else return message;
  throw new PosternError('spec', 'No launch spec');
}
