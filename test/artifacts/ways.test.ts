import assert from 'node:assert/strict';
import fs, { chmodSync, mkdirSync, type Stats, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ways, WaysBefore } from '../../src/artifacts/ways.js';
import { replaceInFs } from '../store/support.js';
import { Project } from './support.js';

const { lstatSync } = fs;
/** Long before anything that a test makes. */
const EARLIER = 1000;

/** A folder with a file in it, which both are newer than the start. */
function folderMadeSince(project: Project): { readonly folder: string; readonly ways: Ways } {
  mkdirSync(project.path('folder'));
  writeFileSync(project.path('folder/file'), '');
  const before = new WaysBefore(project.root, new Map());
  return {
    folder: project.path('folder'),
    ways: new Ways(project.root, { at: lstatSync(project.root).ctimeMs - EARLIER, ways: before }),
  };
}

describe('Ways', () => {
  test('takes a folder in which something is made for one that stays where it is', (t) => {
    const { ways } = folderMadeSince(new Project(t));
    assert.equal(ways.isSteady('folder/file'), true);
  });

  test('takes one whose own change time is newer for one that may have been elsewhere', (t) => {
    const { folder, ways } = folderMadeSince(new Project(t));
    const { mtimeMs } = lstatSync(folder);
    do chmodSync(folder, 0o700);
    while (lstatSync(folder).ctimeMs === mtimeMs);
    assert.equal(ways.isSteady('folder/file'), false);
  });

  test('is not deceived by a look between the two times of a folder in which something is made', (t) => {
    const { folder, ways } = folderMadeSince(new Project(t));
    let torn = 0;
    const times = lstatSync(folder).mtimeMs;
    // Twice, and each time another: two files were made while it looked.
    const lookInBetween = (path: string, options: object): Stats => {
      const stat = lstatSync(path, options) as Stats;
      if (path !== folder || torn === 2) return stat;
      torn++;
      return Object.assign(stat, { ctimeMs: times - torn, mtimeMs: times - torn - 1 });
    };
    replaceInFs(t, { lstatSync: lookInBetween });
    assert.equal(ways.isSteady('folder/file'), true);
    assert.equal(torn, 2);
  });
});
