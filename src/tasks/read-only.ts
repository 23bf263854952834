import { StateUnavailable } from '../errors.js';
import { TaskManager } from './task-manager.js';

/** The tasks of a state that is open for reading only: whatever would change one throws StateUnavailable. */
export class ReadOnlyTasks extends TaskManager {
  override define: TaskManager['define'] = refuse;
  override remove: TaskManager['remove'] = refuse;
  override replaceAll: TaskManager['replaceAll'] = refuse;
  override start: TaskManager['start'] = refuse;
  override complete: TaskManager['complete'] = refuse;
  override fail: TaskManager['fail'] = refuse;
  override release: TaskManager['release'] = refuse;
  override reset: TaskManager['reset'] = refuse;
  override retry: TaskManager['retry'] = refuse;
  override claim: TaskManager['claim'] = refuse;
  override setArtifact: TaskManager['setArtifact'] = refuse;
  override update: TaskManager['update'] = refuse;
  override prioritize: TaskManager['prioritize'] = refuse;
}

function refuse(): never {
  throw new StateUnavailable('The state is open for reading only.');
}
