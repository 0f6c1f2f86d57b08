import { describe, expect, test } from 'vitest';
import { Budget } from './budget.ts';

describe('a budget', () => {
  const takes = (budget: Budget, now: number, times: number) =>
    Array.from({ length: times }, () => budget.take(now)).filter(Boolean).length;

  test('gives so much at once, and no more', () => {
    expect(takes(new Budget(5, 0), 0, 100)).toBe(5);
  });

  test('has as much again after ten seconds, and a share of it before', () => {
    const budget = new Budget(10, 1000);
    expect(takes(budget, 1000, 100)).toBe(10);
    expect(takes(budget, 2999, 100)).toBe(1);
    expect(takes(budget, 3000, 100)).toBe(1);
    expect(takes(budget, 13_000, 100)).toBe(10);
  });

  test('never saves up more than that', () => {
    expect(takes(new Budget(3, 0), 1e9, 100)).toBe(3);
  });

  test('gains nothing from a clock that goes back', () => {
    const budget = new Budget(3, 5000);
    expect(takes(budget, 5000, 100)).toBe(3);
    expect(takes(budget, 0, 100)).toBe(0);
    expect(takes(budget, 5000, 100)).toBe(0);
  });

  test('takes nothing of what does not suffice', () => {
    const budget = new Budget(10, 0);
    expect([budget.take(0, 11), budget.take(0, 10), budget.take(0, 1)]).toEqual([false, true, false]); // prettier-ignore
  });

  test('says how long what was spent on credit takes to come back', () => {
    const budget = new Budget(1000, 0);
    expect(budget.spend(0, 900)).toBe(0);
    const wait = budget.spend(0, 300);
    expect(wait).toBeGreaterThan(2000);
    expect(budget.take(2000, 1)).toBe(false);
    expect(budget.take(wait + 10, 1)).toBe(true);
  });
});
