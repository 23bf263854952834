import { statSync } from 'node:fs';
import { exportState, importState, openState, type TaskDefinition } from 'millrace';
import { definitions, MILLION } from '../core/graphs.js';

/**
 * Does one thing with a million tasks, each with a command, three dependencies, an input and an output, and prints the most memory that
 * this process had resident meanwhile, in megabytes, the pages of the store's file that it has looked into among them, and the megabytes of
 * the export: `node export-process.js make|export|import DIRECTORY FILE`.
 */
const [what, directory, file] = process.argv.slice(2) as [string, string, string];
if (what === 'make') await make();
else if (what === 'export') await exportState(directory, { file });
else await importState(directory, file);
const resident = process.resourceUsage().maxRSS / 1024;
const size = what === 'make' ? 0 : statSync(file).size / 2 ** 20;
process.stdout.write(JSON.stringify({ resident, size }));

async function make(): Promise<void> {
  await using state = await openState(directory);
  state.tasks.define(definitions(MILLION).map(withFiles));
}

function withFiles(definition: TaskDefinition, index: number): TaskDefinition {
  const name = `${index >> 8}/file${index}`;
  const [source, object] = [`src/${name}.c`, `out/${name}.o`];
  return { ...definition, command: ['cc', '-c', source, '-o', object], inputs: [source], outputs: [object] };
}
