// The import rule of ARCHITECTURE.md. shared is mechanism, broker is authority, sandbox is containment.
const sources = '^(broker|sandbox|shared)/';
// Rooms from the lowest floor up: a file imports its own room and lower ones. Types of the hall's link are everybody's.
const FLOORS = {
  broker: ['cage', 'names', 'record', 'limit', 'caller', 'stall', 'request', 'dns', 'channel', 'trap'],
  sandbox: ['host', 'launch', 'supervisor', 'doctor', 'cli'],
  'sandbox/supervisor': ['files', 'root', 'home', 'owners', 'listeners', 'cgroup', 'broker', 'unseen', 'start', 'record'],
};
const upwards = Object.entries(FLOORS).flatMap(([house, rooms]) =>
  rooms.map((room, floor) => ({
    name: 'floors',
    severity: 'error',
    from: { path: `^${house}/${room}/` },
    to: { path: `^${house}/(${[...rooms.slice(floor + 1).map((above) => `${above}/`), '[^/]+$'].join('|')})`, dependencyTypesNot: ['type-only'] },
  })),
);
module.exports = {
  forbidden: [
    { name: 'shared-imports-nobody', severity: 'error', from: { path: '^shared/' }, to: { path: '^(broker|sandbox|test)/' } },
    { name: 'broker-not-sandbox', severity: 'error', from: { path: '^broker/' }, to: { path: '^(sandbox|test)/' } },
    { name: 'sandbox-not-broker', severity: 'error', from: { path: '^sandbox/' }, to: { path: '^(broker|test)/' } },
    { name: 'koffi-only-in-sys', severity: 'error', from: { path: sources, pathNot: '^shared/sys/' }, to: { path: 'node_modules/koffi/' } },
    { name: 'policy-is-pure', severity: 'error', from: { path: '^shared/policy/' }, to: { path: '^(shared/sys/|node:|fs$|net$|dns$)', dependencyTypesNot: ['type-only'] } },
    { name: 'plugin-library-stands-alone', severity: 'error', from: { path: '^sandbox/plugin/' }, to: { path: '^sandbox/(cli|supervisor|launch)/' } },
    { name: 'launcher-stands-alone', severity: 'error', from: { path: '^sandbox/launch/' }, to: { path: '^sandbox/(cli|supervisor|plugin)/' } },
    ...upwards,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
