import { InvalidArgumentError } from 'commander';

const TIME_UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;

/** `14d`, `12h`: milliseconds. */
export const age = quantity(TIME_UNITS, 'It must be a number and m, h, d or w, such as 14d.');

/** `20GB`, `1.5TB`: bytes. */
export const size = quantity(SIZE_UNITS, 'It must be a number and B, KB, MB, GB or TB, such as 20GB.');

function quantity(units: Readonly<Record<string, number>>, hint: string): (text: string) => number {
  return (text) => {
    const [, value, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
    const factor = units[unit] ?? units[unit.toUpperCase()] ?? units[unit.toLowerCase()];
    if (value === undefined || factor === undefined) throw new InvalidArgumentError(hint);
    return Number(value) * factor;
  };
}
