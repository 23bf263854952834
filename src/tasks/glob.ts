import { createRequire } from 'node:module';
import { InvalidArgument } from '../errors.js';
import { shown, slowPattern, TOO_SLOW } from '../values.js';

type Picomatch = typeof import('picomatch');

let loaded: Picomatch | undefined;

/** The library, loaded at the first call: it takes longer to load than a run without work takes in all. */
export function picomatch(...args: Parameters<Picomatch>): ReturnType<Picomatch> {
  loaded ??= createRequire(import.meta.url)('picomatch') as Picomatch;
  return loaded(...args);
}

/** A test for ids by glob: `*` stops at `/`, `**` does not. @throws InvalidArgument */
export function idMatcher(glob: string): (id: string) => boolean {
  if (slowPattern([glob]) !== undefined) throw new InvalidArgument(`"id" is ${shown(glob)}, ${TOO_SLOW}.`);
  return picomatch(glob, { dot: true });
}
