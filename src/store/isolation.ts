/** Which process writes a store: `none`, the one that has it open; `process`, one that does nothing else. */
export type Isolation = 'none' | 'process';

/** All that there are. */
export const ISOLATIONS: readonly Isolation[] = ['none', 'process'];
