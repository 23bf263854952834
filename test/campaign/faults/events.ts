/** What a run with `--json` has printed, as far as it is looked at. */
export interface Event {
  readonly seq: number;
  readonly type: string;
  readonly task?: string;
  readonly outcome?: string;
  readonly through?: number;
  readonly message?: string;
}

/** Of a process that may have ended in the middle of a line. */
export function eventsIn(stdout: string): Event[] {
  return stdout.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Event];
    } catch {
      return [];
    }
  });
}

/** Tasks that have succeeded and were said to be on the disk. */
export function acknowledgedIn(stdout: string): Set<string> {
  const events = eventsIn(stdout);
  const through = Math.max(0, ...events.map((event) => (event.type === 'committed' ? event.through! : 0)));
  const done = events.filter(
    ({ outcome, seq, type }) =>
      type === 'task-finished' && seq <= through && /^(executed|cached)$/.test(outcome!),
  );
  return new Set(done.map(({ task }) => task!));
}

/** Tasks that were not fresh. */
export function finishedIn(stdout: string): Set<string> {
  return new Set(eventsIn(stdout).flatMap(({ task, type }) => (type === 'task-finished' ? [task!] : [])));
}
