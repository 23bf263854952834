import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonSchema } from '../../../src/manifest/native/schema.js';

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const root = jsonSchema() as Schema & { readonly $schema: string };

function follow(schema: Schema): Schema {
  const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
  return ref === undefined ? schema : follow(root.definitions![ref.replace('#/definitions/', '')]!);
}

function tableAt(...keys: readonly string[]): Schema {
  return keys.reduce<Schema>((schema, key) => {
    const { properties, additionalProperties, items } = follow(schema);
    const next = key === '*' ? (items ?? additionalProperties) : properties?.[key];
    assert.ok(typeof next === 'object', `no schema at ${key}`);
    return next;
  }, root);
}

test('the schema describes every key of every table', () => {
  assert.match(root.$schema, /draft-07/);
  for (const path of [[], ['tasks', '*'], ['templates', '*'], ['matrix', '*']]) {
    const { properties = {}, additionalProperties } = follow(tableAt(...path));
    assert.equal(additionalProperties, false, 'unknown keys are marked');
    assert.ok(Object.keys(properties).length > 5);
    for (const [key, schema] of Object.entries(properties)) {
      assert.ok(
        schema.description ?? follow(schema).description,
        `${path.join('.')}: ${key} has no description`,
      );
    }
  }
});

test('the schema has the keys and types of a manifest', () => {
  assert.deepEqual(Object.keys(root.properties ?? {}).sort(), [
    '$schema',
    'backups',
    'default',
    'env',
    'inheritEnv',
    'matrix',
    'pools',
    'tasks',
    'templates',
  ]);
  assert.equal(root.required, undefined);
  assert.deepEqual([...(follow(tableAt('matrix', '*')).required ?? [])].sort(), ['for', 'id']);
  const types = follow(tableAt('tasks', '*', 'command')).anyOf?.map((option) => follow(option).type);
  assert.deepEqual(types, ['string', 'array']);
  assert.equal(follow(tableAt('tasks', '*', 'retries')).type, 'integer');
  assert.equal(follow(tableAt('pools', '*')).type, 'integer');
  assert.ok(!('template' in (follow(tableAt('templates', '*')).properties ?? {})));
});
