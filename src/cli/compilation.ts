/**
 * Has V8 wait longer before it optimizes a function: for runs with commands. The optimizing compiler works beside those and takes
 * their processor time; with 2,000 trivial ones on two processors, 0.25 s of 1 s, for code that hardly ran afterwards. What is
 * hot in a longer run is still optimized. Only V8 11 (Node 20) needs it: later ones have a cheap compiler in between, and no such flag.
 */
export function compileLater(): void {
  if (!process.versions.v8.startsWith('11.')) return;
  // Loaded here because a run without commands needs it not, and that is over in little more than loading takes.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  // What a function may run before V8 looks at it, in about bytes of bytecode; 15 times the default.
  setFlagsFromString('--interrupt-budget=1000000');
}
