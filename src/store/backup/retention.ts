/** Which automatic backups stay. */
export interface Retention {
  /** So many of the newest (at least 2). */
  readonly newest: number;
  /** And the newest of each of so many days, in UTC. */
  readonly days: number;
}

const DAY_MS = 86_400_000;

/**
 * Which of the backups may go: those that are neither among the newest nor the newest of a day.
 * @param times when they were made, newest first, in milliseconds since the epoch
 * @returns indices
 */
export function superfluous(times: readonly number[], now: number, { newest, days }: Retention): number[] {
  const today = Math.floor(now / DAY_MS);
  const seen = new Set<number>();
  return times.flatMap((time, index) => {
    const day = Math.floor(time / DAY_MS);
    const isNewestOfDay = !seen.has(day);
    seen.add(day);
    const stays = index < newest || (isNewestOfDay && day > today - days);
    return stays ? [] : [index];
  });
}

/**
 * Those that stay because they are in the place of one that goes: the newest, and those of the same day. Not all that stay, so that it costs little to read them.
 * @param times as of `superfluous` @param old what that has returned
 * @returns indices
 */
export function substitutes(
  times: readonly number[],
  old: readonly number[],
  { newest }: Retention,
): number[] {
  if (old.length === 0) return [];
  const gone = new Set(old);
  const days = new Set(old.map((index) => Math.floor(times[index]! / DAY_MS)));
  return [...times.keys()].filter(
    (index) => !gone.has(index) && (index < newest || days.has(Math.floor(times[index]! / DAY_MS))),
  );
}
