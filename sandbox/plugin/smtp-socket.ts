// The socket of a nodemailer transport. Runs in the plugin, on the main thread.
import type { Socket } from 'node:net';
import { connect } from './connect.js';

/** The part of getSocket()'s arguments that concerns the connection. */
export interface SmtpSocketOptions {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly secure?: boolean | undefined;
}

/** As nodemailer declares it. */
export type SmtpSocketCallback = (
  error: Error | null,
  options?: { readonly connection: Socket } | false,
) => void;

/**
 * For the option `getSocket` of nodemailer's SMTP transports, pooled ones too. `secure` and STARTTLS work over it.
 *
 * @example
 * import nodemailer from 'nodemailer';
 * import { smtpSocket } from 'postern/plugin';
 *
 * const transport = nodemailer.createTransport({ host: 'mail.example.com', port: 587, getSocket: smtpSocket });
 * await transport.sendMail({ from: 'app@example.com', to: 'you@example.com', subject: 'Hello', text: 'Hello' });
 *
 * @param options from nodemailer: `host`, `port` (587 by default, 465 with `secure`)
 * @param callback takes the connection, or the PosternError of connect()
 */
export function smtpSocket(options: SmtpSocketOptions, callback: SmtpSocketCallback): void {
  const { host = 'localhost', secure = false } = options;
  const port = Number(options.port ?? (secure ? 465 : 587));
  connect({ host, port }).then(
    (connection) => process.nextTick(callback, null, { connection }),
    (error) => process.nextTick(callback, error),
  );
}
