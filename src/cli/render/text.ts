/** Characters that could act on a terminal, hide, or reverse what stands around them. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text on one line: what a terminal would not print is shown as an escape such as `\n` or `\u001b`. */
export function display(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** As `display`, but line ends and tabs stay. */
export function displayLines(text: string): string {
  return text.replace(UNSEEN, (character) => ('\n\t'.includes(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  const short = JSON.stringify(character).slice(1, -1);
  if (short !== character) return short;
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const BYTE_UNITS = ['KB', 'MB', 'GB', 'TB'] as const;

/** How long something took: `4 ms`, `0.12 s`, `4.2 s`, `3 min 20 s`, `1 h 5 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 99.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return longDuration(Math.round(seconds));
}

/** As `duration`, in whole seconds, for a text that changes while it is looked at. */
export function wholeSeconds(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : longDuration(seconds);
}

/** `5 s ago`, `3 d ago`. */
export function ago(milliseconds: number): string {
  const days = Math.floor(milliseconds / 86_400_000);
  return days > 1 ? `${number(days)} d ago` : `${wholeSeconds(milliseconds)} ago`;
}

/** `512 B`, `1.2 MB`: in powers of 1,000. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const unit = Math.min(Math.floor(Math.log10(count) / 3), BYTE_UNITS.length);
  return `${(count / 1000 ** unit).toFixed(1)} ${BYTE_UNITS[unit - 1]}`;
}

/** `1 task`, `2 tasks`, `1,000 tasks`. */
export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A whole number with a comma between thousands. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function longDuration(seconds: number): string {
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  return `${number(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}
