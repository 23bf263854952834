import picomatch from 'picomatch';

/** A test for ids by glob: `*` stops at `/`, `**` does not. */
export function idMatcher(glob: string): (id: string) => boolean {
  return picomatch(glob, { dot: true });
}
