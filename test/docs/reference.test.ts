import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  Application,
  DeclarationReflection,
  Logger,
  LogLevel,
  type ProjectReflection,
  ReferenceType,
  ReflectionKind,
  TSConfigReader,
  type TypeDocOptions,
  TypeDocReader,
} from 'typedoc';

// dist/test/docs/reference.test.js → the project.
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

class Complaints extends Logger {
  readonly list: string[] = [];

  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.list.push(message);
  }
}

/** What the reference lacks, as `npm run docs` would say it, and what it would not say. @param out where to write it */
async function complaints(out: string, given: TypeDocOptions = {}): Promise<string[]> {
  const options = { ...given, options: join(ROOT, 'docs/typedoc.jsonc') };
  const app = await Application.bootstrap(options, [new TypeDocReader(), new TSConfigReader()]);
  const logger = new Complaints();
  app.logger = logger;
  const project = await app.convert();
  assert.ok(project, logger.list.join('\n'));
  app.validate(project);
  logger.list.push(...hollow(project));
  await app.generateDocs(project, out);
  return logger.list;
}

/** What typedoc takes for described: by its base, or by tags alone. */
function hollow(project: ProjectReflection): string[] {
  const all = project.getReflectionsByKind(ReflectionKind.All);
  const borrowed = all.filter((one) => one instanceof DeclarationReflection && isDescribedByBase(one));
  const empty = all.filter(({ comment }) => comment?.hasVisibleComponent() && comment.summary.length === 0);
  return [
    ...borrowed.map((one) => `${one.getFriendlyFullName()} has only the description of its base`),
    ...empty.map((one) => `${one.getFriendlyFullName()} has tags, but no sentence`),
  ];
}

function isDescribedByBase({ comment, extendedTypes = [] }: DeclarationReflection): boolean {
  const bases = extendedTypes.map((type) => (type instanceof ReferenceType ? type.reflection : undefined));
  return comment !== undefined && bases.some((base) => base?.comment?.similarTo(comment) === true);
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-reference-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('the reference tells of everything that is exported', async (t) => {
  const folder = temporary(t);
  assert.deepEqual(await complaints(folder), []);
  for (const page of [
    'modules/millrace',
    'modules/millrace_p-graph',
    'modules/millrace_sync',
    'modules/millrace_remote',
  ]) {
    assert.ok(existsSync(join(folder, `${page}.html`)), page);
  }
});

test('what the reference lacks is found', async (t) => {
  const folder = temporary(t);
  const source = `
    /** Nothing is wrong with it, but see {@link Nowhere}. @module lacking */
    interface Hidden { readonly size: number; }
    /** Leads to what is not exported. */
    export function leads(): Hidden { return { size: 1 }; }
    export function bare(): void {}
    /** Has a property of which nothing is said. */
    export interface Options { readonly depth: number; }
    export interface More extends Options {}
    /** @throws Error */
    export function tagged(): void {}
    /** @internal */
    export function inner(): void {}`;
  writeFileSync(join(folder, 'lacking.ts'), source);
  writeFileSync(join(folder, 'package.json'), '{ "name": "lacking", "type": "module" }');
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{ "compilerOptions": { "types": [] }, "files": ["lacking.ts"] }',
  );
  const given = {
    entryPoints: [join(folder, 'lacking.ts')],
    tsconfig: join(folder, 'tsconfig.json'),
    readme: 'none',
    intentionallyNotExported: [],
  };
  assert.deepEqual(await complaints(join(folder, 'out'), given), [
    'Hidden, defined in lacking/lacking.ts, is referenced by leads but not included in the documentation',
    ...['bare (CallSignature)', 'Options.depth (Property)', 'More.depth (Property)'].map(
      (what) => `${what}, defined in lacking/lacking.ts, does not have any documentation`,
    ),
    'Failed to resolve link to "Nowhere" in comment for lacking',
    'More has only the description of its base',
    'tagged has tags, but no sentence',
  ]);
});
