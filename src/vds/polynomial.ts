import { arithmetic, groupOrder, scalarBytes } from '../crypto/index.ts';
import { blinders, blindingBytes, laneFormats, type LaneFormat } from './lanes.ts';

/** Coefficients from the constant term on, each in [0, r). */
export type Polynomial = readonly bigint[];

/**
 * `P = γ₀ + Σ m_i·X^i + γ₁·X^(n+1) + γ₂·X^(n+2)` of a payload `γ₀ ‖ γ₁ ‖ γ₂ ‖ lanes` (VDS.md,
 * "Commit"), n + 3 coefficients. The caller has checked that the γ are below r; the m_i are below
 * 2²⁴⁰.
 *
 * @param scalars n
 */
export function payloadPolynomial(
  payload: Uint8Array,
  format: LaneFormat,
  scalars: number,
): bigint[] {
  const { bytesPerScalar, byteStride } = laneFormats[format];
  const length = Math.ceil((payload.length - blindingBytes) / bytesPerScalar);
  const coefficients = new Array<bigint>(scalars + blinders).fill(0n);
  for (let b = 0; b < blinders; b++) {
    const place = b === 0 ? 0 : scalars + b;
    coefficients[place] = bigEndian(payload.subarray(b * scalarBytes));
  }
  // A scalar's bytes in little-endian order, as four 64-bit words.
  const words = new DataView(new ArrayBuffer(32));
  const bytes = new Uint8Array(words.buffer);
  for (let i = 0, at = blindingBytes; i < length; i++) {
    for (let k = 0; k < bytesPerScalar; k++) bytes[k * byteStride] = payload[at++] ?? 0;
    coefficients[i + 1] =
      words.getBigUint64(0, true) |
      (words.getBigUint64(8, true) << 64n) |
      (words.getBigUint64(16, true) << 128n) |
      (words.getBigUint64(24, true) << 192n);
  }
  return coefficients;
}

function bigEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  return (
    (view.getBigUint64(0) << 192n) |
    (view.getBigUint64(8) << 128n) |
    (view.getBigUint64(16) << 64n) |
    view.getBigUint64(24)
  );
}

/** P(z), by Horner's rule. */
export function evaluate(polynomial: Polynomial, z: bigint): bigint {
  let value = 0n;
  for (let i = polynomial.length - 1; i >= 0; i--) {
    value = (value * z + (polynomial[i] as bigint)) % groupOrder;
  }
  return value;
}

/**
 * P(z) of a payload's polynomial, see {@link payloadPolynomial}; straight from its bytes.
 *
 * @param scalars n
 */
export function evaluatePayload(
  payload: Uint8Array,
  format: LaneFormat,
  scalars: number,
  z: bigint,
): bigint {
  const { bytesPerScalar: perScalar, byteStride: stride } = laneFormats[format];
  const lanes = payload.subarray(blindingBytes);
  const value = arithmetic.evaluateBytes(lanes, { perScalar, stride }, z);
  const [first, second, third] = Array.from({ length: blinders }, (_, b) =>
    bigEndian(payload.subarray(b * scalarBytes)),
  ) as [bigint, bigint, bigint];
  const beyond = power(z, scalars + 1);
  return (value + first + beyond * ((second + third * z) % groupOrder)) % groupOrder;
}

function power(base: bigint, exponent: number): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % groupOrder;
    if (bit === '1') result = (result * base) % groupOrder;
  }
  return result;
}

/** (P(X) − P(z)) / (X − z), by synthetic division; no coefficient if P is constant. */
export function quotient(polynomial: Polynomial, z: bigint): bigint[] {
  const result = new Array<bigint>(Math.max(0, polynomial.length - 1));
  let carry = 0n;
  for (let i = polynomial.length - 1; i > 0; i--) {
    carry = (carry * z + (polynomial[i] as bigint)) % groupOrder;
    result[i - 1] = carry;
  }
  return result;
}

/** Σ factors[k]·polynomials[k]. */
export function combinePolynomials(
  polynomials: readonly Polynomial[],
  factors: readonly bigint[],
): bigint[] {
  const length = polynomials.reduce((most, each) => Math.max(most, each.length), 0);
  return Array.from({ length }, (_, i) => {
    let sum = 0n;
    for (let k = 0; k < polynomials.length; k++) {
      sum += (polynomials[k]?.[i] ?? 0n) * (factors[k] as bigint);
    }
    return sum % groupOrder;
  });
}

/** 1, base, base², … */
export function powers(base: bigint, count: number): bigint[] {
  const result = new Array<bigint>(count);
  let power = 1n;
  for (let k = 0; k < count; k++) {
    result[k] = power;
    power = (power * base) % groupOrder;
  }
  return result;
}

/** Σ factors[k]·values[k] mod r. */
export function dot(values: readonly bigint[], factors: readonly bigint[]): bigint {
  return values.reduce((sum, value, k) => (sum + value * (factors[k] ?? 0n)) % groupOrder, 0n);
}

/**
 * The product of two polynomials by Kronecker substitution: one product of two long integers,
 * for which engines have fast algorithms. Measured for 1,024 × 1,024 coefficients: 15 ms, where
 * the schoolbook's million of products takes 250 ms.
 */
export function multiplyPolynomials(a: Polynomial, b: Polynomial): bigint[] {
  if (a.length === 0 || b.length === 0) return [];
  // A coefficient of the product is a sum of min(|a|, |b|) products below 2⁵¹⁰: 68 bytes suffice.
  const digits = 136;
  const pack = (of: Polynomial) =>
    BigInt('0x' + of.map((c) => c.toString(16).padStart(digits, '0')).reverse().join('')); // prettier-ignore
  const length = a.length + b.length - 1;
  const product = (pack(a) * pack(b)).toString(16).padStart(length * digits, '0');
  return Array.from({ length }, (_, i) => {
    const end = product.length - i * digits;
    return BigInt('0x' + product.slice(end - digits, end)) % groupOrder;
  });
}
