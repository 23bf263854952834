import type { Progress } from './progress.js';
import { number, wholeSeconds } from './text.js';

/** More than any terminal shows. */
const MAX_LENGTH = 1000;

/**
 * One line about a run that goes on: `[3/10] 5 s · about 20 s left · cc main.o 3 s · cc util.o 1 s`.
 * What matters least stands last, where a narrow terminal cuts it off.
 */
export function statusLine(progress: Progress, now: number): string {
  let line = `[${number(progress.finished)}/${number(progress.total)}] ${wholeSeconds(now - progress.startedAt)}`;
  const remaining = progress.remaining(now);
  if (remaining !== undefined) line += ` · about ${wholeSeconds(Math.max(1000, remaining))} left`;
  for (const task of progress.running) {
    if (line.length > MAX_LENGTH) break;
    line += ` · ${task.label} ${wholeSeconds(now - task.since)}`;
  }
  return line;
}
