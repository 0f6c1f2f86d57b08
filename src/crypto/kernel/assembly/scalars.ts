// Evaluation of polynomials in F_r.
import { multiplyFr } from './fields';

const coefficient: usize = memory.data(48, 8);
const value: usize = memory.data(40, 8);

/**
 * Σ m_i·z^i over i ≥ 1 by Horner's rule, where m_i is made of `perScalar` bytes, `stride` bytes
 * apart, least first; the last may have fewer. As many steps whatever the bytes are.
 *
 * @param out 10 limbs of a value below 2r
 * @param z in Montgomery form
 */
export function evaluateBytes(
  out: usize,
  z: usize,
  bytes: usize,
  length: usize,
  perScalar: usize,
  stride: usize,
): void {
  memory.fill(value, 0, 40);
  memory.fill(coefficient, 0, 48);
  const scalars = (length + perScalar - 1) / perScalar;
  for (let i = scalars; i-- > 0;) {
    const from = i * perScalar;
    for (let k: usize = 0; k < perScalar; k++) {
      const byte = from + k < length ? load<u8>(bytes + from + k) : 0;
      store<u8>(coefficient + k * stride, byte);
    }
    // Limbs of 28 bits below 2r's, and of 28 bits: together below 2²⁹.
    for (let limb: usize = 0; limb < 10; limb++) {
      const bit = 28 * <u32>limb;
      const digit = (load<u32>(coefficient + (bit >> 3)) >> (<u32>(bit & 7))) & 0xfffffff;
      store<u32>(value + 4 * limb, load<u32>(value + 4 * limb) + digit);
    }
    multiplyFr(value, value, z);
  }
  memory.copy(out, value, 40);
}
