import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const chosen = async () => {
  vi.resetModules();
  const { arithmetic } = await import('./msm.ts');
  return arithmetic.name;
};

test('the kernel is what computes where there is WebAssembly', async () => {
  expect(await chosen()).toBe('WebAssembly');
});

test('BigInt is, where there is none', async () => {
  vi.stubGlobal('WebAssembly', undefined);
  expect(await chosen()).toBe('BigInt');
});

test('BigInt is, where a content security policy refuses to compile', async () => {
  const refuse = () => {
    throw new EvalError('Refused to compile or instantiate WebAssembly module');
  };
  vi.stubGlobal('WebAssembly', { Module: refuse, Instance: refuse });
  expect(await chosen()).toBe('BigInt');
});
