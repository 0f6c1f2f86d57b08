import tseslint from 'typescript-eslint';
import reactHooks from 'eslint-plugin-react-hooks';

/** Folders that are handed time and randomness and must not reach for them (DESIGN: pure core). */
const core = ['lib', 'crypto', 'vds', 'protocol', 'learning', 'swarm', 'rounds', 'tab', 'sim'];

export default tseslint.config(
  {
    ignores: [
      'dist',
      'node_modules',
      'test-results',
      '*.js',
      '*.cjs',
      'scripts/*.mjs',
      'src/crypto/kernel/assembly',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: core.map((folder) => `src/${folder}/**/*.ts`),
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: 'The core is handed the time.' },
        { name: 'setTimeout', message: 'The core is handed the time.' },
        { name: 'fetch', message: 'The core does no I/O.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'The core is handed its randomness.' },
      ],
    },
  },
  { files: ['src/ui/**/*.tsx', 'src/main.tsx'], ...reactHooks.configs.flat.recommended },
  { files: ['scripts/**', 'bench/**', 'signaling/main.ts'], rules: { 'no-console': 'off' } },
);
