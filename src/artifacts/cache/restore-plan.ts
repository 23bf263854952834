import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { quote } from '../../errors.js';
import type { ActionEntry, ActionFile, ActionLink } from './entry.js';
import { FoldersInRoot } from './folders.js';
import type { Steps } from './steps.js';

/** What is in the way of restoring: a clause for a person. */
export class Obstacle {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** What decides about files that are there. */
export interface RestoreChecks {
  /** True if the file that is there has the bytes of the entry's. */
  hasContent(file: ActionFile): boolean;
  /** True if the file that is there, with other bytes, or the link, may be replaced. */
  mayReplace(file: { readonly path: string }, stat: Stats): boolean;
}

/** For a folder where whatever is in the way is replaced. */
export const REPLACE_ALL: RestoreChecks = { hasContent: () => false, mayReplace: () => true };

/** What goes to one place: a folder that is not there yet, or all of the root that is. */
export interface Delivery {
  readonly files: ActionFile[];
  readonly links: ActionLink[];
  readonly folders: string[];
}

export interface RestorePlan {
  /** What goes into folders that are there. */
  readonly inPlace: Delivery;
  /** Folders that are not there, relative to the root, none in another: each comes into being whole. */
  readonly trees: ReadonlyMap<string, Delivery>;
}

/** Finds out what has to be done to bring the files of an entry to their places. Changes nothing. O(files). */
export function* planRestore(
  root: string,
  { files, folders, links }: ActionEntry,
  checks: RestoreChecks,
): Steps<RestorePlan | Obstacle> {
  const places = new Places(root);
  for (const file of files) {
    yield;
    const { path } = file;
    const place = places.find(path);
    if (place === 'unreachable') return IN_THE_WAY;
    const { stat } = place;
    if (stat?.isDirectory()) {
      return new Obstacle(`the folder ${quote(path)} there is in the way of a file`);
    }
    if (stat?.isFile() && checks.hasContent(file)) {
      if (isExecutable(stat) === file.executable) continue;
    } else if (stat !== undefined && !isReplaceable(stat)) {
      return new Obstacle(`${quote(path)} there is no file`);
    } else if (stat !== undefined && !checks.mayReplace(file, stat)) return notMade(path);
    place.delivery.files.push(file);
  }
  for (const link of links) {
    const { path, target } = link;
    const place = places.find(path);
    // A file in its place may be the user's.
    if (place === 'unreachable' || place.stat?.isSymbolicLink() === false) return IN_THE_WAY;
    if (place.stat !== undefined) {
      if (readlinkSync(`${root}/${path}`) === target) continue;
      if (!checks.mayReplace(link, place.stat)) return notMade(path);
    }
    place.delivery.links.push(link);
  }
  for (const path of folders) {
    const place = places.find(path);
    if (place === 'unreachable' || place.stat?.isDirectory() === false) return IN_THE_WAY;
    if (place.stat === undefined) places.deliveryTo(place.tree ?? path).folders.push(path);
  }
  return places;
}

/** Where paths of an entry lie, and what is there. */
class Places implements RestorePlan {
  readonly inPlace = newDelivery();
  readonly trees = new Map<string, Delivery>();
  private readonly root: string;
  private readonly folders: FoldersInRoot;

  constructor(root: string) {
    this.root = root;
    this.folders = new FoldersInRoot(root);
  }

  /** `unreachable`: behind a link, or below a file. */
  find(path: string): Place | 'unreachable' {
    if (!this.folders.holds(path)) return 'unreachable';
    const tree = this.folders.newFolder(path);
    const stat = tree === undefined ? lookAt(this.root, path) : undefined;
    return stat === 'unreachable' ? stat : { tree, stat, delivery: this.deliveryTo(tree) };
  }

  /** @param tree undefined: into folders that are there */
  deliveryTo(tree: string | undefined): Delivery {
    if (tree === undefined) return this.inPlace;
    const known = this.trees.get(tree) ?? newDelivery();
    this.trees.set(tree, known);
    return known;
  }
}

interface Place {
  /** The folder that has to be made first. */
  readonly tree: string | undefined;
  readonly delivery: Delivery;
  /** Of what is there. */
  readonly stat: Stats | undefined;
}

const IN_THE_WAY = new Obstacle('a file or a link is in the way of its folders');

function notMade(path: string): Obstacle {
  return new Obstacle(`the task has not made ${quote(path)} as it is`);
}

/** Of a pipe or a device no second name can be kept everywhere. */
function isReplaceable(stat: Stats): boolean {
  return stat.isFile() || stat.isSymbolicLink();
}

function newDelivery(): Delivery {
  return { files: [], links: [], folders: [] };
}

/** What is at a path, links not followed; `unreachable`: there can't be anything, for a file is in the way. */
function lookAt(root: string, path: string): Stats | 'unreachable' | undefined {
  try {
    return lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return 'unreachable';
    throw error;
  }
}

function isExecutable({ mode }: Stats): boolean {
  return (mode & 0o111) !== 0;
}
