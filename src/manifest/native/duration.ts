const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** What the schema takes for a duration, in milliseconds. */
export function toMilliseconds(duration: number | string): number {
  if (typeof duration === 'number') return duration;
  const [, amount, unit] = /^([\d.]+)(\w+)$/.exec(duration)!;
  return Number(amount) * UNITS[unit!]!;
}
