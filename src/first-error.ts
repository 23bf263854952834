/** What went wrong first: if closing has failed, too, that was because of what went wrong before. */
export function firstError(error: unknown): unknown {
  const isPair = error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;
  return isPair ? firstError(error.suppressed) : error;
}
