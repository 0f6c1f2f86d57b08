// What the module exports; kernel.ts says how it is called.
export { doublePoints, importPoints, sumBuckets } from './sums';
export { evaluateBytes } from './scalars';
// Reached by the tests of the fields only.
export { addFp, isZeroFp, multiplyFp, multiplyFr, reduceFp, subtractFp } from './fields';
export { invertFp } from './points';

/** Where memory is free from. */
export function firstFree(): usize {
  return __heap_base;
}
