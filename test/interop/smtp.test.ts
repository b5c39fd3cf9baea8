import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { users } from '../harness/users.js';
import { makeCertificates } from './certificates.js';
import { testLibrary } from './library.js';
import { serverFolder } from './server.js';
import { smtpServer } from './smtp-server.js';

const certificates = makeCertificates(serverFolder());
const plain = smtpServer(certificates.local, false);
const secure = smtpServer(certificates.local, true);
const portOf = ({ server }: typeof plain): number => (server.address() as AddressInfo).port;

before(async () => {
  for (const { server } of [plain, secure]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});
after(() => {
  for (const { server } of [plain, secure]) server.close();
});

testLibrary({
  name: 'nodemailer',
  ownCode: 'ESOCKET',
  port: () => portOf(plain),
  ports: () => ({ securePort: portOf(secure) }),
  authority: certificates.authority,
  expected: ['250 OK', '250 OK', '250 OK'],
  body: `
    import { readFileSync } from 'node:fs';
    import nodemailer from 'nodemailer';
    const message = { from: 'app@example.com', to: 'you@example.com', subject: 'Hello', text: 'x'.repeat(200) };
    const tls = { ca: readFileSync(ca) };
    const send = async (settings) => {
      const transport = nodemailer.createTransport({ host, ...settings });
      try {
        return (await transport.sendMail(message)).response;
      } finally {
        transport.close();
      }
    };
    say(await send({ port, requireTLS: true, tls }));
    say(await send({ port: securePort, secure: true, tls }));
    say(await send({ port, ignoreTLS: true, pool: true }));
    await send({ port: denied }).catch(refused);
  `,
});

test('the mail has arrived, over STARTTLS, TLS and in the clear', () => {
  assert.equal(plain.messages.length, 2 * users.length);
  assert.equal(secure.messages.length, users.length);
  for (const message of plain.messages) assert.match(message, /^Subject: Hello\r$/m);
});
