/**
 * Imports go downwards only (ARCHITECTURE.md). Each layer names the layers it may import; its
 * own files are always allowed, and outsiders enter a folder through its index.ts.
 */
const layers = {
  lib: [],
  crypto: ['lib'],
  vds: ['lib', 'crypto'],
  protocol: ['lib', 'crypto', 'vds'],
  learning: ['lib', 'crypto', 'protocol'],
  swarm: ['lib', 'crypto', 'vds', 'protocol'],
  rounds: ['lib', 'crypto', 'vds', 'protocol', 'learning'],
  tab: ['lib', 'crypto', 'vds', 'protocol', 'swarm', 'rounds'],
  sim: ['lib', 'crypto', 'vds', 'protocol', 'learning', 'swarm', 'rounds', 'tab'],
  adapters: ['lib', 'crypto', 'vds', 'protocol', 'learning', 'swarm', 'rounds', 'tab'],
  app: ['lib', 'crypto', 'vds', 'protocol', 'learning', 'swarm', 'rounds', 'tab', 'adapters'],
  ui: ['lib', 'protocol', 'learning', 'app'],
};
const names = Object.keys(layers);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...names.map((name) => ({
      name: `layer-${name}`,
      severity: 'error',
      from: { path: `^src/${name}/`, pathNot: '\\.test\\.tsx?$' },
      to: { path: '^src/', pathNot: `^src/(${[name, ...layers[name]].join('|')})/` },
    })),
    ...names.map((name) => ({
      name: `entry-${name}`,
      comment: `outsiders enter src/${name} through its index.ts; what stands in for it in tests of real tabs is inside`,
      severity: 'error',
      from: { pathNot: `^(src/${name}/|e2e/(lying-|pages/))` },
      to: {
        path: `^src/${name}/`,
        pathNot: `^src/${name}/(index\\.tsx?|training\\.ts|testing\\.ts)$`,
      },
    })),
    ...names.map((name) => ({
      name: `inside-${name}`,
      comment: 'insiders never import their own index.ts',
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: `^src/${name}/index\\.tsx?$` },
    })),
    {
      name: 'testing-in-tests',
      severity: 'error',
      from: { pathNot: '(\\.test\\.tsx?$|^src/sim/fuzz/|^e2e/)' },
      to: { path: '^src/[^/]+/testing\\.ts$' },
    },
    {
      name: 'core-knows-no-server',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(signaling|e2e|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // AssemblyScript: its own compiler resolves what it imports.
    exclude: { path: '^src/crypto/kernel/assembly/' },
    tsConfig: { fileName: 'tsconfig.base.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
