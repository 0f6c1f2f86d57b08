export * from './assert.ts';
export * from './bitfield.ts';
export * from './budget.ts';
export * from './bytes.ts';
export * from './fields.ts';
export * from './ids.ts';
export * from './random.ts';
export * from './result.ts';
