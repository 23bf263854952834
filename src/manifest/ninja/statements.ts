import type { Place } from '../source.js';
import type { Edge } from './edge.js';
import { PathTable } from './paths.js';

/** Runs one task at a time, with the terminal; every manifest has it. */
export const CONSOLE = 'console';

/** A path in a `default` statement. */
export interface DefaultTarget extends Place {
  readonly path: string;
}

/** What the statements of a manifest say, all files together. The parser fills it. */
export class Statements {
  readonly edges: Edge[] = [];
  readonly paths = new PathTable();
  /** Depth by name, without the built-in pool; 0 is no limit. */
  readonly pools = new Map<string, number>();
  readonly defaults: DefaultTarget[] = [];
}
