import { workerData } from 'node:worker_threads';
import { UnknownTask } from 'millrace';
import { provide, type Remote, remote } from 'millrace/remote';

export interface OwnerApi {
  note(text: string): number;
}

const own = {
  add: (one: number, other: number) => one + other,
  later: async (value: unknown) => value,
  lost: () => {
    throw new UnknownTask('x');
  },
  text: () => {
    throw 'only a text';
  },
  uncloneable: () => () => 1,
  exit: () => process.exit(1),
  never: () => new Promise(() => {}),
  crash: () => {
    setImmediate(() => {
      throw new Error('crash');
    });
    return new Promise(() => {});
  },
  callBack: (text: string) => (owner as Remote<OwnerApi>).note(text),
};
export type WorkerApi = typeof own;

const { port, ownerPort } = workerData;
const owner = ownerPort && remote<OwnerApi>(ownerPort);
provide(port, own);
// Stays until it is ended, or its work is.
port.ref();
