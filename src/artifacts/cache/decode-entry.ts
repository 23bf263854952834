import { z } from 'zod';
import { finish } from '../examine.js';
import type { Digest } from './blobs.js';
import { type ActionEntry, canExist, ENTRY_VERSION, isInner, leadsInside } from './entry.js';
import { unseal } from './seal.js';
import type { Steps } from './steps.js';

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as Digest);
const whole = z.int().min(0);
const path = z.string().refine(isInner);
const link = z.strictObject({ path, target: z.string() });

const fileSchema = z.strictObject({ path, digest, size: whole, executable: z.boolean() });

/** All but the files, of which there may be a hundred thousand. */
const entrySchema = z.strictObject({
  version: z.literal(ENTRY_VERSION),
  task: z.string(),
  retired: z.boolean().optional(),
  action: digest.optional(),
  files: z.array(z.unknown()),
  links: z.array(link.refine(({ path, target }) => leadsInside(path, target))),
  folders: z.array(path),
  log: z.strictObject({ digest, size: whole, truncated: z.boolean() }).nullable(),
  duration: z.number().min(0),
  origin: z.strictObject({
    run: whole,
    host: z.string(),
    version: z.string(),
    time: whole,
    commit: z.string().optional(),
  }),
});

/** Undefined for anything but an entry of this key that was written whole by this version, stays inside the root and can exist there. */
export function decodeEntry(key: string, bytes: Buffer): ActionEntry | undefined {
  return finish(decodeInSteps(key, bytes));
}

/** As `decodeEntry`. */
export function* decodeInSteps(key: string, bytes: Buffer): Steps<ActionEntry | undefined> {
  const entry = entrySchema.safeParse(unseal(key, bytes)).data;
  if (entry === undefined) return undefined;
  const files: z.infer<typeof fileSchema>[] = [];
  for (const unchecked of entry.files) {
    const file = fileSchema.safeParse(unchecked).data;
    if (file === undefined) return undefined;
    files.push(file);
    yield;
  }
  const whole = { ...entry, files };
  return (yield* canExist(whole)) ? whole : undefined;
}
