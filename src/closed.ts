import { StateUnavailable } from './errors.js';

/**
 * Makes all methods of an object refuse, also for those who have kept it from before. This way the methods themselves need
 * not ask whether the state is still open, which would cost the fastest of them a good part of their time.
 */
export function refuseFromNowOn(handle: object, why: string): void {
  const refuse = (): never => {
    throw new StateUnavailable(why);
  };
  for (
    let type = Object.getPrototypeOf(handle);
    type !== Object.prototype;
    type = Object.getPrototypeOf(type)
  ) {
    for (const name of Object.getOwnPropertyNames(type)) {
      if (name === 'constructor') continue;
      const isGetter = Object.getOwnPropertyDescriptor(type, name)!.get !== undefined;
      Object.defineProperty(handle, name, isGetter ? { get: refuse } : { value: refuse });
    }
  }
}
