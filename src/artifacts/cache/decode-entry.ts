import { z } from 'zod';
import type { Digest } from './blobs.js';
import { type ActionEntry, ENTRY_VERSION, isInner, leadsInside } from './entry.js';
import { unseal } from './seal.js';

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Digest);
const whole = z.int().min(0);
const path = z.string().refine(isInner);
const link = z.strictObject({ path, target: z.string() });

const entrySchema = z.strictObject({
  version: z.literal(ENTRY_VERSION),
  task: z.string(),
  files: z.array(z.strictObject({ path, digest, size: whole, executable: z.boolean() })),
  links: z.array(link.refine(({ path, target }) => leadsInside(path, target))),
  folders: z.array(path),
  log: z.strictObject({ digest, size: whole, truncated: z.boolean() }).nullable(),
  duration: z.number().min(0),
  origin: z.strictObject({ run: whole, host: z.string(), version: z.string(), time: whole }),
});

/** Undefined for anything but an entry that was written whole by this version, and stays inside the root. */
export function decodeEntry(bytes: Buffer): ActionEntry | undefined {
  return entrySchema.safeParse(unseal(bytes)).data;
}
