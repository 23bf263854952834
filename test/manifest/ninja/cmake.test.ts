import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText, taskOf } from './support.js';

/** What CMake writes for a library with a generated source, a program and a target of the user's own, shortened. */
const MAIN = `# CMAKE generated file: DO NOT EDIT!
# =============================================================================
ninja_required_version = 1.5

include CMakeFiles/rules.ninja

cmake_ninja_workdir = /project/out/

#############################################
# Order-only phony target for core

build cmake_object_order_depends_target_core: phony || gen.c

build CMakeFiles/core.dir/core.c.o: C_COMPILER__core_ /project/core.c || cmake_object_order_depends_target_core
  DEP_FILE = CMakeFiles/core.dir/core.c.o.d
  FLAGS = -O2
  OBJECT_DIR = CMakeFiles/core.dir

build CMakeFiles/core.dir/gen.c.o: C_COMPILER__core_ /project/out/gen.c || cmake_object_order_depends_target_core
  DEP_FILE = CMakeFiles/core.dir/gen.c.o.d

build libcore.a: AR__core_ CMakeFiles/core.dir/core.c.o CMakeFiles/core.dir/gen.c.o
  PRE_LINK = :
  POST_BUILD = :
  TARGET_FILE = libcore.a

build app: LINK__app_ CMakeFiles/app.dir/main.c.o | libcore.a || libcore.a
  LINK_LIBRARIES = -Wl,-rpath,/project/out:  libcore.a
  TARGET_FILE = app

build gen.c | \${cmake_ninja_workdir}gen.c: CUSTOM_COMMAND /project/in.txt
  COMMAND = cd /project/out && cmake -E echo int\\ g(void){return\\ $$1;} > gen.c
  DESC = Generating gen.c
  restat = 1

build hello: phony CMakeFiles/hello libcore.a

build CMakeFiles/hello | \${cmake_ninja_workdir}CMakeFiles/hello: CUSTOM_COMMAND libcore.a || libcore.a
  COMMAND = cd /project/out && echo hi

build CMakeFiles/install.util: CUSTOM_COMMAND all
  COMMAND = cd /project/out && cmake -P cmake_install.cmake
  DESC = Install the project...
  pool = console
  restat = 1

build install: phony CMakeFiles/install.util

build core: phony libcore.a

build all: phony libcore.a app hello

build build.ninja: RERUN_CMAKE | /project/CMakeLists.txt CMakeCache.txt
  pool = console

# A missing CMake input file is not an error.

build /project/CMakeLists.txt CMakeCache.txt: phony

build clean: CLEAN

default all
`;

const RULES = `rule C_COMPILER__core_
  depfile = $DEP_FILE
  deps = gcc
  command = /usr/bin/cc $DEFINES $INCLUDES $FLAGS -MD -MT $out -MF $DEP_FILE -o $out -c $in
  description = Building C object $out

rule AR__core_
  command = $PRE_LINK && /usr/bin/ar qc $TARGET_FILE $LINK_FLAGS $in && $POST_BUILD
  description = Linking C static library $TARGET_FILE
  restat = $RESTAT

rule LINK__app_
  command = /usr/bin/cc @$RSP_FILE -o $TARGET_FILE
  rspfile = $TARGET_FILE.rsp
  rspfile_content = $in_newline $LINK_LIBRARIES

rule CUSTOM_COMMAND
  command = $COMMAND
  description = $DESC

rule RERUN_CMAKE
  command = cmake --regenerate-during-build -S/project -B/project/out
  description = Re-running CMake...
  generator = 1

rule CLEAN
  command = ninja $FILE_ARG -t clean $TARGETS
`;

const NINJA = { literal: true, optionalOutputs: true } as const;

test('what CMake writes', () => {
  const manifest = readText(MAIN, { 'CMakeFiles/rules.ninja': RULES });
  const task = (id: string) => taskOf(manifest, id);

  assert.deepEqual(manifest.defaults, ['all']);
  assert.equal(manifest.regenerate, 'build.ninja');
  assert.deepEqual(task('all'), { id: 'all', dependencies: ['libcore.a', 'app', 'hello'] });
  assert.deepEqual(task('CMakeFiles/core.dir/gen.c.o'), {
    id: 'CMakeFiles/core.dir/gen.c.o',
    dependencies: ['gen.c', 'cmake_object_order_depends_target_core'],
    command:
      '/usr/bin/cc    -MD -MT CMakeFiles/core.dir/gen.c.o -MF CMakeFiles/core.dir/gen.c.o.d -o CMakeFiles/core.dir/gen.c.o -c /project/out/gen.c',
    description: 'Building C object CMakeFiles/core.dir/gen.c.o',
    depfile: 'CMakeFiles/core.dir/gen.c.o.d',
    depfileConsumed: true,
    inputs: ['/project/out/gen.c'],
    outputs: ['CMakeFiles/core.dir/gen.c.o'],
    ...NINJA,
  });
  assert.deepEqual(task('app'), {
    id: 'app',
    dependencies: ['libcore.a'],
    command: '/usr/bin/cc @ -o app',
    responseFile: {
      path: 'app.rsp',
      content: 'CMakeFiles/app.dir/main.c.o -Wl,-rpath,/project/out:  libcore.a',
    },
    inputs: ['CMakeFiles/app.dir/main.c.o', 'libcore.a'],
    outputs: ['app'],
    ...NINJA,
  });
  assert.deepEqual(task('gen.c'), {
    id: 'gen.c',
    dependencies: [],
    command: 'cd /project/out && cmake -E echo int\\ g(void){return\\ $1;} > gen.c',
    description: 'Generating gen.c',
    inputs: ['/project/in.txt'],
    outputs: ['gen.c', '/project/out/gen.c'],
    ...NINJA,
  });
  assert.deepEqual(task('CMakeFiles/install.util'), {
    id: 'CMakeFiles/install.util',
    dependencies: ['all'],
    command: 'cd /project/out && cmake -P cmake_install.cmake',
    description: 'Install the project...',
    pool: 'console',
    inputs: ['libcore.a', 'app', 'CMakeFiles/hello'],
    outputs: ['CMakeFiles/install.util'],
    ...NINJA,
  });
  assert.deepEqual(task('build.ninja'), {
    id: 'build.ninja',
    dependencies: ['/project/CMakeLists.txt'],
    command: 'cmake --regenerate-during-build -S/project -B/project/out',
    description: 'Re-running CMake...',
    ignoreCommandChange: true,
    pool: 'console',
    inputs: ['/project/CMakeLists.txt', 'CMakeCache.txt'],
    outputs: ['build.ninja'],
    ...NINJA,
  });
});

/** What Meson writes for a program, shortened. */
const MESON = `# This is the build file for project "demo"
ninja_required_version = 1.8.2

# Rules for module scanning.

rule c_COMPILER
 command = cc $ARGS -MD -MQ $out -MF $DEPFILE -o $out -c $in
 deps = gcc
 depfile = $DEPFILE_UNQUOTED
 description = Compiling C object $out

rule c_LINKER_RSP
 command = cc @$out.rsp
 rspfile = $out.rsp
 rspfile_content = $ARGS -o $out $in $LINK_ARGS
 description = Linking target $out

rule REGENERATE_BUILD
 command = meson --internal regenerate .. .
 description = Regenerating build files.
 generator = 1

# Phony build target, always out of date

build PHONY: phony 

build demo.p/main.c.o: c_COMPILER ../main.c
 DEPFILE = demo.p/main.c.o.d
 DEPFILE_UNQUOTED = demo.p/main.c.o.d
 ARGS = -Idemo.p -I.. '-DNAME="a b"'

build demo: c_LINKER_RSP demo.p/main.c.o
 LINK_ARGS = -Wl,--as-needed

build meson-internal__reconfigure: CUSTOM_COMMAND PHONY
 COMMAND = meson setup --reconfigure
build reconfigure: phony meson-internal__reconfigure

build all: phony meson-test-prereq demo
build meson-test-prereq: phony 

build build.ninja: REGENERATE_BUILD ../meson.build
 pool = console

default all

`;

test('what Meson writes', () => {
  const custom = 'rule CUSTOM_COMMAND\n command = $COMMAND\n restat = 1\n\n# Phony build';
  const manifest = readText(MESON.replace('# Phony build', custom));
  assert.deepEqual(taskOf(manifest, 'demo').responseFile, {
    path: 'demo.rsp',
    content: ' -o demo demo.p/main.c.o -Wl,--as-needed',
  });
  assert.deepEqual(taskOf(manifest, 'meson-internal__reconfigure').inputs, ['PHONY']);
  assert.equal(
    taskOf(manifest, 'demo.p/main.c.o').command,
    `cc -Idemo.p -I.. '-DNAME="a b"' -MD -MQ demo.p/main.c.o -MF demo.p/main.c.o.d -o demo.p/main.c.o -c ../main.c`,
  );
  assert.equal(manifest.regenerate, 'build.ninja');
});
