/** Keeps the processor busy without touching memory. */
export function work(rounds: number): number {
  let value = rounds;
  for (let round = 0; round < rounds; round++) value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + round;
  return value;
}
