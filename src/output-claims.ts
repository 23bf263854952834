import { posix } from 'node:path';

/** Anything that could make a path a glob. */
const GLOB = /[*?[\]{}()!+@|\\]/;
const NONE: readonly string[] = [];

/** The part of a definition that says what a task makes. */
export interface DeclaredOutputs {
  readonly outputs?: readonly string[] | undefined;
  readonly literal?: boolean | undefined;
}

/** The path that an output certainly is, without `.`, empty components and `x/..`; undefined for a glob. */
export function plainOutput(output: string): string | undefined {
  return GLOB.test(output) ? undefined : posix.normalize(output).replace(/\/$/, '');
}

/**
 * Which task makes which output, as far as the declarations show by themselves that two tasks declare the same: one path, one pattern, or a path
 * and something below it. What a pattern with exclusions matches besides shows only when it is matched.
 *
 * @typeParam Maker an id or a row
 */
export class OutputClaims<Maker> {
  private readonly makers = new Map<string, Maker>();
  /** Folders to how many outputs are below them; not those of literal tasks, which are files. */
  private readonly folders = new Map<string, number>();

  /** Who makes a path; undefined if nobody has claimed it. */
  makerOf(path: string): Maker | undefined {
    return this.makers.get(path);
  }

  /** The first output of a declaration that is another maker's, as it is written; whose, and by which output of that, if it is another: one lies in the other then. O(outputs). */
  conflict(
    declared: DeclaredOutputs,
    maker?: Maker,
  ): { readonly output: string; readonly other: Maker; readonly theirs: string | undefined } | undefined {
    const { literal, outputs = NONE } = declared;
    for (const output of outputs) {
      const key = keyOf(output, declared);
      const theirs = key === undefined ? undefined : this.holder(key, literal === true);
      const other = theirs === undefined ? undefined : this.makers.get(theirs);
      if (other === undefined || other === maker) continue;
      return { output, other, theirs: theirs === key ? undefined : theirs };
    }
    return undefined;
  }

  /** O(outputs and their depth). */
  add(declared: DeclaredOutputs, maker: Maker): void {
    this.forEach(declared, (key, folders) => {
      this.makers.set(key, maker);
      for (const folder of folders) this.folders.set(folder, (this.folders.get(folder) ?? 0) + 1);
    });
  }

  /** Takes back what was added. O(outputs and their depth). */
  remove(declared: DeclaredOutputs): void {
    this.forEach(declared, (key, folders) => {
      this.makers.delete(key);
      for (const folder of folders) this.folders.set(folder, this.folders.get(folder)! - 1);
    });
  }

  private forEach(declared: DeclaredOutputs, act: (key: string, folders: readonly string[]) => void): void {
    for (const output of declared.outputs ?? NONE) {
      const key = keyOf(output, declared);
      if (key !== undefined) act(key, declared.literal || GLOB.test(key) ? NONE : foldersOf(key));
    }
  }

  /** What of somebody's it is, or lies in, or holds. */
  private holder(key: string, literal: boolean): string | undefined {
    if (this.makers.has(key)) return key;
    if (literal || GLOB.test(key)) return undefined;
    const above = foldersOf(key).find((folder) => this.makers.has(folder));
    if (above !== undefined || (this.folders.get(key) ?? 0) === 0) return above;
    for (const output of this.makers.keys()) if (output.startsWith(`${key}/`)) return output;
    return undefined;
  }
}

/** Equal for outputs that are the same; undefined for a pattern that may be another one's, but for what is left out. */
function keyOf(output: string, { literal, outputs = NONE }: DeclaredOutputs): string | undefined {
  if (literal) return output;
  return plainOutput(output) ?? (outputs.some((one) => one.startsWith('!')) ? undefined : output);
}

/** The folders that a path lies in, the innermost first. */
function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let folder = posix.dirname(path); folder !== '.' && folder !== '/'; folder = posix.dirname(folder))
    folders.push(folder);
  return folders;
}
