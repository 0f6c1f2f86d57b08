import type { Random } from '../lib/index.ts';

/** The platform's cryptographically secure generator, drawn from in blocks. */
export function systemRandom(): Random {
  const pool = new Uint32Array(256);
  let next = pool.length;
  return {
    uint32() {
      if (next === pool.length) {
        crypto.getRandomValues(pool);
        next = 0;
      }
      const value = pool[next] ?? 0;
      pool[next++] = 0; // what was handed out may have become a secret
      return value;
    },
  };
}
