/** A file is no export, not a whole one, or says what does not fit together: why, in a few words. */
export class DocumentDamaged extends Error {}
