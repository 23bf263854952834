import { mkdirSync, writeFileSync } from 'node:fs';
import { jsonSchema } from './schema.js';

/** Part of the build: writes the JSON Schema that editors load, next to the compiled code. */
const folder = new URL('../../../schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('millrace.schema.json', folder), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
