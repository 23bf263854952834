/** Keeps the processor busy without touching memory. */
export function work(turns: number): number {
  let value = turns;
  for (let turn = 0; turn < turns; turn++) {
    value = (Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + turn) | 0;
  }
  return value;
}

/** Turns that take a microsecond, when called for as the bench does; by the fastest of several tries, the others were disturbed. */
export function turnsPerMicrosecond(): number {
  const [turns, calls] = [1000, 2000];
  let sum = 0;
  const rates = Array.from({ length: 20 }, () => {
    const start = performance.now();
    for (let call = 0; call < calls; call++) sum += work(turns);
    return (turns * calls) / ((performance.now() - start) * 1000);
  });
  if (!Number.isFinite(sum)) throw new Error('The work must not be optimised away.');
  return Math.round(Math.max(...rates));
}
