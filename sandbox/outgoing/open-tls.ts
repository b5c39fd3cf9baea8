// TLS over a connection that the broker made. Runs in gateways, and in the process that makes postern's own requests.
import { isIP, type Socket } from 'node:net';
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';

const HANDSHAKE_MS = 30_000;

/**
 * The certificate is verified against the name, or the address.
 *
 * @param socket destroyed if the handshake fails
 * @throws the error of the handshake
 */
export function openTls(
  socket: Socket,
  host: string,
  secureContext: SecureContext,
  protocols: string[],
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = tlsConnect({
      ...{ socket, host, secureContext, ALPNProtocols: protocols },
      ...(isIP(host) === 0 && { servername: host }),
      // protects: G23 gateway: the certificate of the upstream is verified => rejectUnauthorized: false
      rejectUnauthorized: true,
    });
    const timer = setTimeout(() => secure.destroy(new Error('no answer to the TLS handshake')), HANDSHAKE_MS);
    const settle = (): void => {
      clearTimeout(timer);
      secure.removeListener('error', fail);
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    secure.once('error', fail).once('secureConnect', () => {
      settle();
      resolve(secure);
    });
  });
}
