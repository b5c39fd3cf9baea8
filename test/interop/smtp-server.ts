// A server that accepts mail, as far as a client needs it (RFC 5321), and keeps the mails.
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { KeyPair } from './certificates.js';
import { readPair } from './certificates.js';

export interface SmtpServer {
  readonly server: Server;
  readonly messages: readonly string[];
}

/** @param secure TLS from the first byte; else STARTTLS is offered */
export function smtpServer(pair: KeyPair, secure: boolean): SmtpServer {
  const messages: string[] = [];
  const serve = (socket: Socket, isSecure: boolean): void => {
    let input = '';
    let isData = false;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const command = (line: string): void => {
      const word = line.slice(0, 8).toUpperCase();
      if (word.startsWith('EHLO')) say(isSecure ? '250 localhost' : '250-localhost\r\n250 STARTTLS');
      else if (word.startsWith('STARTTLS')) {
        say('220 Go ahead');
        socket.removeListener('data', hear);
        const upgraded = new TLSSocket(socket, {
          isServer: true,
          secureContext: createSecureContext(readPair(pair)),
        });
        serve(upgraded, true);
      } else if (word.startsWith('DATA')) {
        isData = true;
        say('354 Go ahead');
      } else if (word.startsWith('QUIT')) {
        say('221 Bye');
        socket.end();
      } else say('250 OK');
    };
    const hear = (bytes: Buffer): void => {
      input += bytes.toString('latin1');
      for (;;) {
        const end = input.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const part = input.slice(0, end);
        input = input.slice(end + (isData ? 5 : 2));
        if (!isData) command(part);
        else {
          isData = false;
          messages.push(part);
          say('250 OK');
        }
      }
    };
    socket.on('data', hear);
    socket.on('error', () => socket.destroy());
    // After STARTTLS the client speaks first.
    if (!(socket instanceof TLSSocket) || secure) say('220 localhost ESMTP');
  };
  const server = secure
    ? createTlsServer(readPair(pair), (socket) => serve(socket, true))
    : createServer((socket) => serve(socket, false));
  return { server, messages };
}
