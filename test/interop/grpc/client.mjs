// client.mjs PLACE: calls each method of the service, and prints a line for each.
import { once } from 'node:events';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { ECHO } from './service.mjs';

const Echo = makeGenericClientConstructor(ECHO, 'Echo');
const client = new Echo(process.argv[2], credentials.createSsl());
const large = Buffer.alloc(3_000_000, 'x');
const call = (name, message, options = {}) =>
  new Promise((resolve) => {
    let trailers;
    client[name](message, options, (error, value) => {
      // The status of a call comes before its callback or after.
      setImmediate(() => resolve({ error, value, trailers }));
    }).on('status', ({ metadata }) => {
      trailers = metadata.get('x-end').join();
    });
  });

const one = await call('one', large);
console.log('one', large.equals(one.value), one.trailers);
const failed = await call('fail', Buffer.from('x'));
console.log('fail', failed.error.code, failed.error.details, failed.trailers);
const late = await call('never', Buffer.from('x'), { deadline: Date.now() + 500 });
console.log('never', late.error.code);

const many = client.many(Buffer.from('1000'));
let received = 0;
many.on('data', ({ length }) => {
  received += length;
});
const [ended] = await once(many, 'status');
console.log('many', received, ended.code, ended.metadata.get('x-end').join());

const sum = await new Promise((resolve, reject) => {
  const stream = client.sum((error, value) => (error ? reject(error) : resolve(String(value))));
  for (let left = 300; left > 0; left -= 1) stream.write(Buffer.alloc(10_000));
  stream.end();
});
console.log('sum', sum);

// Each message waits for the answer to the one before.
const both = client.both();
const heard = [];
for (const word of ['first', 'second', 'third']) {
  both.write(Buffer.from(word));
  heard.push(String((await once(both, 'data'))[0]));
}
both.end();
const [over] = await once(both, 'status');
console.log('both', ...heard, over.code);

const refused = await call('one', Buffer.from('x'), {});
console.log('again', refused.error === null);
client.close();
