import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** As `require`, with variables that the package looks at while it is loaded, and that nobody else shall see. */
export function requireWith(name: string, variables: Readonly<Record<string, string>>): unknown {
  const before = Object.keys(variables).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, variables);
  try {
    return load(name);
  } finally {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  }
}
