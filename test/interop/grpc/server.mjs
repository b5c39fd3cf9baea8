// server.mjs SETTINGS, as JSON: address, port, cert, key. Prints `ready`, then what each call had for authorization, as JSON.
import { readFileSync } from 'node:fs';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { ECHO } from './service.mjs';

const { address, port, cert, key } = JSON.parse(process.argv[2]);
const hear = ({ metadata }) => console.log(JSON.stringify(metadata.get('authorization')));
const trailers = new Metadata();
trailers.set('x-end', 'yes');
const server = new Server();
server.addService(ECHO, {
  one: (call, done) => {
    hear(call);
    done(null, call.request, trailers);
  },
  fail: (call, done) => {
    hear(call);
    done({ code: status.FAILED_PRECONDITION, details: 'not now', metadata: trailers });
  },
  never: (call) => hear(call),
  many: (call) => {
    hear(call);
    for (let left = Number(call.request); left > 0; left -= 1) call.write(Buffer.alloc(10_000, left));
    call.end(trailers);
  },
  sum: (call, done) => {
    hear(call);
    let sum = 0;
    call.on('data', (data) => {
      sum += data.length;
    });
    call.on('end', () => done(null, Buffer.from(String(sum))));
  },
  both: (call) => {
    hear(call);
    call.on('data', (data) => call.write(data));
    call.on('end', () => call.end());
  },
});
const pair = { cert_chain: readFileSync(cert), private_key: readFileSync(key) };
server.bindAsync(`${address}:${port}`, ServerCredentials.createSsl(null, [pair]), (error) => {
  if (error) throw error;
  console.log('ready');
});
process.stdin.resume().on('end', () => process.exit(0));
