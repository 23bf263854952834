/**
 * What a file of the content store survives, once it is said to be stored. Whatever the level, a file that is not whole is found
 * when it is read.
 *
 * - `none`: nothing is promised; it is written under its name at once.
 * - `rename`: a kill of this process. It is written beside and renamed; a crash of the machine may lose it.
 * - `fsync`: a crash of the machine, too.
 */
export type Durability = 'none' | 'rename' | 'fsync';

export const DURABILITY_LEVELS = ['none', 'rename', 'fsync'] as const satisfies readonly Durability[];
