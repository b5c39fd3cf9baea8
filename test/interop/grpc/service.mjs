// A service of gRPC with its four kinds of methods: messages are bytes as they are, so it needs no schema.
const bytes = {
  requestSerialize: (value) => value,
  requestDeserialize: (value) => value,
  responseSerialize: (value) => value,
  responseDeserialize: (value) => value,
};
const method = (name, requestStream, responseStream) => ({
  ...{ ...bytes, path: `/example.Echo/${name}`, requestStream, responseStream },
});

export const ECHO = {
  one: method('One', false, false),
  fail: method('Fail', false, false),
  never: method('Never', false, false),
  many: method('Many', false, true),
  sum: method('Sum', true, false),
  both: method('Both', true, true),
};
