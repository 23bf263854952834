import { quote } from '../errors.js';
import type { TaskId } from '../task.js';

/** Why a task is not fresh. Paths are relative to the root. */
export type Reason =
  | {
      /** Asked for by the user. */
      readonly kind: 'forced';
    }
  | {
      /** No successful execution is on record. */
      readonly kind: 'never-ran';
    }
  | {
      /** It declares neither inputs nor outputs, so nothing could tell that it is fresh. */
      readonly kind: 'always';
    }
  | {
      /** Its definition is another one. */
      readonly kind: 'command-changed';
      /** Of the definition: the keys in a manifest, `env.NAME` for a variable, sorted, if they were looked for and are known. */
      readonly parts?: readonly string[];
    }
  | {
      /** An inherited variable that the task declares has another value. */
      readonly kind: 'environment-changed';
      /** Their names, sorted, if they were looked for and are known. */
      readonly variables?: readonly string[];
    }
  | {
      /** Its inputs are not what they were when it last ran. */
      readonly kind: 'input-added' | 'input-removed' | 'input-changed' | 'input-missing';
      /** The first such file. */
      readonly path: string;
      /** How many such files there are. */
      readonly count: number;
      /** The task that makes the file, if one does. An input that is missing without one can't come into being. */
      readonly producer?: TaskId;
    }
  | {
      /** The system refuses to show an input. */
      readonly kind: 'input-unreadable';
      /** Of the input, or of a folder in which a glob looks for inputs. */
      readonly path: string;
      /** In the system's words, without a full stop. */
      readonly why: string;
    }
  | {
      /** Its outputs are not as it left them; `output-added`: declared now, but not when the task last ran. */
      readonly kind: 'output-added' | 'output-missing' | 'output-changed';
      /** The first such file. */
      readonly path: string;
      /** How many such files there are. */
      readonly count: number;
    }
  | {
      /** Planning only: a task that it depends on is going to run and may change an input. */
      readonly kind: 'dependency';
      /** That task. */
      readonly task: TaskId;
    };

const SENTENCES: Readonly<Record<Exclude<Reason['kind'], 'dependency' | 'input-unreadable'>, string>> = {
  forced: 'forced',
  'never-ran': 'no success on record',
  always: 'declares neither inputs nor outputs',
  'command-changed': 'the command or its variables changed',
  'environment-changed': 'the environment changed',
  'input-added': 'new input',
  'input-removed': 'an input is gone:',
  'input-changed': 'input changed:',
  'input-missing': 'input is missing:',
  'output-added': 'new output:',
  'output-missing': 'output is missing:',
  'output-changed': 'output was edited:',
};

/** The reason in a few words for a person. */
export function describeReason(reason: Reason): string {
  if (reason.kind === 'dependency') return `${quote(reason.task)} runs`;
  if (reason.kind === 'input-unreadable') return `input ${quote(reason.path)} cannot be read: ${reason.why}`;
  const sentence = SENTENCES[reason.kind];
  if (reason.kind === 'command-changed' && reason.parts !== undefined)
    return `${reason.parts.length === 1 && reason.parts[0] === 'command' ? 'the command' : reason.parts.join(', ')} changed`;
  if (reason.kind === 'environment-changed' && reason.variables !== undefined)
    return `${sentence}: ${reason.variables.join(', ')}`;
  if (!('path' in reason)) return sentence;
  const more = reason.count > 1 ? ` and ${reason.count - 1} more` : '';
  return `${sentence} ${quote(reason.path)}${more}`;
}
