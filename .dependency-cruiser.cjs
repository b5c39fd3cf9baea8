// The import rule of ARCHITECTURE.md. shared is mechanism, broker is authority, sandbox is containment.
const sources = '^(broker|sandbox|shared)/';
module.exports = {
  forbidden: [
    { name: 'shared-imports-nobody', severity: 'error', from: { path: '^shared/' }, to: { path: '^(broker|sandbox|test)/' } },
    { name: 'broker-not-sandbox', severity: 'error', from: { path: '^broker/' }, to: { path: '^(sandbox|test)/' } },
    { name: 'sandbox-not-broker', severity: 'error', from: { path: '^sandbox/' }, to: { path: '^(broker|test)/' } },
    { name: 'koffi-only-in-sys', severity: 'error', from: { path: sources, pathNot: '^shared/sys/' }, to: { path: 'node_modules/koffi/' } },
    { name: 'policy-is-pure', severity: 'error', from: { path: '^shared/policy/' }, to: { path: '^(shared/sys/|node:|fs$|net$|dns$)', dependencyTypesNot: ['type-only'] } },
    { name: 'plugin-library-stands-alone', severity: 'error', from: { path: '^sandbox/plugin/' }, to: { path: '^sandbox/(cli|supervisor|launch)/' } },
    { name: 'launcher-stands-alone', severity: 'error', from: { path: '^sandbox/launch/' }, to: { path: '^sandbox/(cli|supervisor|plugin)/' } },
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
