import { webcrypto } from 'node:crypto';
import { at, type Random } from '../src/lib/index.ts';

/** The platform's generator, in blocks. */
export function secureRandom(): Random {
  const pool = new Uint32Array(256);
  let next = pool.length;
  return {
    uint32() {
      if (next === pool.length) {
        webcrypto.getRandomValues(pool);
        next = 0;
      }
      const value = at(pool, next);
      pool[next++] = 0;
      return value;
    },
  };
}
