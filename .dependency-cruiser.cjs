// The import rule of ARCHITECTURE.md. shared is mechanism, broker is authority, sandbox is containment.
const sources = '^(broker|sandbox|shared)/';
// The rooms of each house, the lowest floor first. A file imports its own room and lower floors: no room of its own floor, none above,
// and never the hall, which is the files beside the rooms.
const FLOORS = {
  broker: [['sandbox', 'names', 'record', 'limit'], ['ledger', 'caller', 'approval', 'upstream'], ['stall'], ['request'], ['dns', 'revoke'], ['channel', 'trap']],
  sandbox: [['host'], ['launch', 'plugin'], ['outgoing'], ['gateway', 'requester'], ['supervisor'], ['operate', 'page'], ['doctor', 'library'], ['cli']],
  'sandbox/supervisor': [['orders', 'output', 'usage', 'learn'], ['files', 'record', 'broker', 'cgroup', 'approval'], ['root', 'owners'], ['home', 'unseen', 'listeners', 'terminal', 'via', 'gateway'], ['start'], ['requester'], ['fleet', 'policy', 'export'], ['control']],
};
const floors = Object.entries(FLOORS).flatMap(([house, all]) =>
  all.flatMap((rooms, floor) =>
    rooms.map((room) => {
      const forbidden = [...rooms.filter((other) => other !== room), ...all.slice(floor + 1).flat()];
      const hall = '[^/]+$';
      const to = `^${house}/(${[...forbidden.map((other) => `${other}/`), hall].join('|')})`;
      return { name: 'floors', severity: 'error', from: { path: `^${house}/${room}/` }, to: { path: to } };
    }),
  ),
);
// A room that stands on no floor would be bound by nothing.
const roomsOnFloors = Object.entries(FLOORS).map(([house, all]) => {
  const known = `^${house}/(${[...all.flat().map((room) => `${room}/`), '[^/]+$'].join('|')})`;
  return { name: 'room-without-floor', severity: 'error', from: { path: `^${house}/`, pathNot: known }, to: {} };
});
module.exports = {
  forbidden: [
    { name: 'shared-imports-nobody', severity: 'error', from: { path: '^shared/' }, to: { path: '^(broker|sandbox|test)/' } },
    { name: 'broker-not-sandbox', severity: 'error', from: { path: '^broker/' }, to: { path: '^(sandbox|test)/' } },
    { name: 'sandbox-not-broker', severity: 'error', from: { path: '^sandbox/' }, to: { path: '^(broker|test)/' } },
    { name: 'koffi-only-in-sys', severity: 'error', from: { path: sources, pathNot: '^shared/sys/' }, to: { path: 'node_modules/koffi/' } },
    { name: 'policy-is-pure', severity: 'error', from: { path: '^shared/policy/' }, to: { path: '^shared/sys/', dependencyTypesNot: ['type-only'] } },
    // Digests and the spelling of names touch nothing outside.
    { name: 'policy-is-pure-of-node', severity: 'error', from: { path: '^shared/policy/' }, to: { dependencyTypes: ['core'], pathNot: '^(crypto|url)$' } },
    { name: 'plugin-library-stands-alone', severity: 'error', from: { path: '^sandbox/plugin/' }, to: { path: '^sandbox/', pathNot: '^sandbox/plugin/' } },
    ...floors,
    ...roomsOnFloors,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      severity: 'error',
      // Its test installs the package of these.
      from: { pathNot: '^test/interop/grpc/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
