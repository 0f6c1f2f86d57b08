import { assert } from '../lib/index.ts';
import type { Arithmetic, ByteTable } from './arithmetic.ts';
import { bigIntArithmetic } from './bigint-arithmetic.ts';
import type { G1Point } from './groups.ts';
import { createKernelArithmetic } from './kernel-arithmetic.ts';
import { arithmetic } from './msm.ts';

/**
 * Set-up of the tests of crypto and vds: everything that they compute in bulk is computed by the
 * kernel and by BigInt, and must agree.
 */
const kernel = createKernelArithmetic();
assert(kernel !== null, 'the tests run where there is WebAssembly');

function same(left: G1Point, right: G1Point): G1Point {
  assert(left.equals(right), 'the kernel and BigInt disagree on a point');
  return left;
}

const compared: Omit<Arithmetic, 'name'> = {
  multiScalarMultiply: (points, scalars) =>
    same(kernel.multiScalarMultiply(points, scalars), bigIntArithmetic.multiScalarMultiply(points, scalars)), // prettier-ignore
  async buildTable(points, onProgress): Promise<ByteTable> {
    const ours = await kernel.buildTable(points, onProgress);
    const theirs = await bigIntArithmetic.buildTable(points, () => undefined);
    return {
      bytes: ours.bytes,
      sumBytes: (bytes, layout) => same(ours.sumBytes(bytes, layout), theirs.sumBytes(bytes, layout)), // prettier-ignore
      multiply: (scalars) => same(ours.multiply(scalars), theirs.multiply(scalars)),
    };
  },
  evaluateBytes(bytes, layout, z) {
    const value = kernel.evaluateBytes(bytes, layout, z);
    assert(value === bigIntArithmetic.evaluateBytes(bytes, layout, z), 'the kernel and BigInt disagree on a value'); // prettier-ignore
    return value;
  },
};
Object.assign(arithmetic, compared);
