import { mkdirSync, writeFileSync } from 'node:fs';
import { exportSchema } from './export/document.js';
import { jsonSchema } from './manifest/native/schema.js';

/** Part of the build: writes the JSON Schemas that editors and other programs load, next to the compiled code. */
const folder = new URL('../schema/', import.meta.url);
const schemas = { 'millrace.schema.json': jsonSchema(), 'export.schema.json': exportSchema() };

mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
