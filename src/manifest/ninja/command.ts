import { quote } from '../../errors.js';
import type { TaskDefinition } from '../../task.js';
import { errorAt } from '../source.js';
import { type Edge, EdgeVariables, variablePlace } from './edge.js';
import { CONSOLE, type Statements } from './statements.js';

/** How a task runs: what its rule and variables say, beyond its files. */
type Command = Pick<
  TaskDefinition,
  'command' | 'description' | 'depfile' | 'depfileConsumed' | 'ignoreCommandChange' | 'responseFile' | 'pool'
>;

/** @throws ManifestError if a variable asks for what is not supported, or has a value that means nothing */
export function toCommand(edge: Edge, { paths, pools }: Statements): Command {
  const quoted = new EdgeVariables(edge, paths, true);
  const plain = new EdgeVariables(edge, paths, false);
  const description = quoted.lookup('description');
  const depfile = plain.lookup('depfile');
  const responseFile = plain.lookup('rspfile');
  const consumed = isDepfileConsumed(edge, quoted.lookup('deps'), depfile);
  if (quoted.lookup('dyndep') !== '') throw unsupported(edge, 'dyndep', 'dyndep files are');
  const limited = edge.pool === CONSOLE || (pools.get(edge.pool) ?? 0) > 0;
  return {
    command: quoted.lookup('command'),
    ...(description !== '' && { description }),
    ...(depfile !== '' && { depfile }),
    ...(consumed && { depfileConsumed: true }),
    ...(quoted.lookup('generator') !== '' && { ignoreCommandChange: true }),
    ...(responseFile !== '' && {
      responseFile: { path: responseFile, content: quoted.lookup('rspfile_content') },
    }),
    ...(limited && { pool: edge.pool }),
  };
}

function isDepfileConsumed(edge: Edge, deps: string, depfile: string): boolean {
  if (deps === '') return false;
  if (deps === 'msvc') throw unsupported(edge, 'deps', '"deps = msvc" is');
  const place = variablePlace(edge, 'deps');
  if (deps !== 'gcc') throw errorAt(place, `"deps" is "gcc" or nothing, not ${quote(deps)}`);
  if (depfile === '') throw errorAt(place, '"deps = gcc" needs a depfile', 'set "depfile" too');
  return true;
}

function unsupported(edge: Edge, variable: string, what: string): Error {
  return errorAt(variablePlace(edge, variable), `${what} not supported`);
}
