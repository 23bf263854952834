import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

// dist/test/docs/support.js → the project.
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const { exports: EXPORTS } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, { default: string }>;
};

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-docs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The programs of a document: `name.mjs` and a colon, then the code. */
export function programsOf(document: string): Map<string, string> {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const found = text.matchAll(/`(\w+\.mjs)`:\n\n```js\n(.*?)```/gs);
  return new Map(Array.from(found, ([, name, code]) => [name!, code!]));
}

/** Writes a program to a folder where it finds the millrace that was built. */
export function writeProgram(folder: string, name: string, code: string): void {
  const linked = code.replaceAll(/'millrace(\/[\w-]+)?'/g, (_, part?: string) =>
    JSON.stringify(urlOf(`.${part ?? ''}`)),
  );
  writeFileSync(join(folder, name), linked);
}

/** Where package.json says that a part of the package lies. */
const urlOf = (part: string): string => pathToFileURL(join(ROOT, EXPORTS[part]!.default)).href;
