import { InvalidArgumentError } from 'commander';

const TIME_UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const SIZE_UNITS = {
  ...{ b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
} as const;

/** `14d`, `12h`: milliseconds. */
export const age = quantity(TIME_UNITS, 'It must be a number and s, m, h, d or w, such as 14d.');

/** `20GB`, `1.5TiB`: bytes. */
export const size = quantity(
  SIZE_UNITS,
  'It must be a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 20GB.',
);

/** @param units by name in lower case; it may be given in any */
function quantity(units: Readonly<Record<string, number>>, hint: string): (text: string) => number {
  return (text) => {
    const [, value, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
    const factor = units[unit.toLowerCase()];
    if (value === undefined || factor === undefined) throw new InvalidArgumentError(hint);
    return Number(value) * factor;
  };
}

/** Reads a whole number. */
export function count(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}
