import { test } from 'node:test';
import { assertRefused, type Expected, readJson, readToml } from './support.js';

type Case = readonly [text: string, at: string, message: RegExp, hint?: RegExp];

function refuses(read: (text: string) => unknown, cases: readonly Case[]): void {
  for (const [text, at, message, hint] of cases) {
    const expected: Expected = { at, message, ...(hint && { hint }) };
    assertRefused(() => read(text), expected);
  }
}

test('syntax errors of TOML', () => {
  refuses(readToml, [
    ['a = ', '1:5', /the TOML is not valid: Unspecified values/],
    ['[tasks.a]\ncommand = "x', '2:13', /Unterminated string/],
    ['[tasks.a]\n[tasks.a]', '2:8', /key multiple times/],
    ['default = []\n default = []', '2:2', /key multiple times/],
    ['[tasks.a]\ndeps = ["a" "b"]', '2:13', /Expected comma/],
    ['[tasks.a', '1:9', /the table header is not closed by a "\]"/],
    ['[tasks.a\n\n', '1:9', /the table header is not closed/],
    ['[tasks.x]\n[tasks.a # more\ncommand = "x"', '2:16', /the table header is not closed/],
    ['[[matrix]\nid = "x"', '1:10', /the table header is not closed/],
    ['[tasks.a]\ncommand =\nretries = 1', '2:10', /a value is missing/],
    ['[tasks.a]\ndeps = ["a"\n', '2:12', /Unterminated array/],
    ['[tasks.a]\n= 1', '2:1', /not valid/],
  ]);
});

test('names that TOML takes in quotes only', () => {
  const unexpected = /Unexpected character/;
  refuses(readToml, [
    ['[tasks.app:build]', '1:11', unexpected, /^quote the name: "app:build"$/],
    ['[tasks]\napp:build = {}', '2:4', unexpected, /"app:build"/],
    ['[tasks.a.env]\na."b".c/d = "x"', '2:8', unexpected, /"c\/d"/],
    ['[tasks.@org/app]', '1:8', unexpected, /"@org\/app"/],
    ['[tasks.app#build]\ncommand = "x"', '1:18', /the table header is not closed/, /"app#build"/],
    ['[tasks.a]\ncommand = http://x', '2:11', unexpected],
  ]);
});

test('syntax errors of JSON', () => {
  refuses(readJson, [
    ['', '1:1', /the JSON is not valid: the file ends too early/, /is missing/],
    ['{"tasks": {\n', '1:12', /the file ends too early/, /"}" is missing/],
    ['{"default": ["a', '1:16', /the file ends too early/, /a quote,/],
    ['{"tasks":\n {},}', '2:5', /the JSON is not valid: unexpected "}"/, /leave out the comma/],
    ['{"default": ["a",]}', '1:18', /unexpected "\]"/, /leave out the comma/],
    ['{"tasks": }', '1:11', /unexpected "}"/],
    ['{"tasks": {}}}', '1:14', /unexpected "}"/],
    ['{"default": ["a" "b"]}', '1:18', /unexpected string "b"/, /is a comma or colon missing/],
    ['{"tasks" {}}', '1:10', /unexpected "{"/, /is a comma or colon missing/],
    ['{"tasks": tru}', '1:11', /unexpected "tru"/, /double quotes/],
    ['{tasks: {}}', '1:2', /unexpected "tasks"/, /double quotes/],
    ["{'tasks': {}}", '1:2', /unexpected "'"/, /double quotes/],
    ['{"a": 1.}', '1:9', /unexpected "}"/],
    ['// tasks\n{}', '1:1', /unexpected "\/"/, /no comments/],
    ['{"default": ["a\n"]}', '1:16', /control character/, /close the quote/],
    ['{"default": ["a\\d"]}', '1:17', /no escape with "d"/, /a backslash is written/],
    ['{} x', '1:4', /unexpected "x"/, /./],
    ['\uFEFF{\n x', '2:2', /unexpected "x"/, /double quotes/],
    ['{"tasks": {"a": {},\n "b": {}, "a": {}}}', '2:11', /the key "a" is here twice/],
    ['{"tasks": {"a": {}, "\\u0061": {}}}', '1:21', /the key "a" is here twice/],
  ]);
});

test('text that is no text', () => {
  refuses(readJson, [
    ['{"tasks": {"a\\u0000": {}}}', '1:12', /the key "a\\u0000" holds a NUL character/],
    ['{"tasks": {"a": {"command": "x\\u0000"}}}', '1:29', /the text holds a NUL/],
    ['{"default": ["\\ud800"]}', '1:14', /not valid Unicode/],
    ['{"tasks": {"__proto__": {"polluted": 1}}}', '1:12', /the key "__proto__" is not allowed/],
  ]);
  refuses(readToml, [
    ['[tasks.a]\nenv = { __proto__ = "x" }', '2:9', /the key "__proto__" is not allowed/],
    ['[tasks.__proto__]\ncommand = "x"', '1:8', /the key "__proto__" is not allowed/],
  ]);
});

test('unknown keys, with the one that is meant', () => {
  refuses(readToml, [
    ['[task.a]', '1:2', /unknown key "task"/, /did you mean "tasks"\?/],
    ['[tasks.a]\ncomand = "x"', '2:1', /unknown key "comand"/, /did you mean "command"\?/],
    ['[templates.a]\nwith = {}', '2:1', /unknown key "with"/, /known here: command, deps,/],
    [
      '[[matrix]]\nid = "{a}"\nfor = { a = ["1"] }\ngruop = "x"',
      '4:1',
      /unknown key "gruop"/,
      /did you mean "group"\?/,
    ],
    ['[tasks.a]\nscript = "x"', '2:1', /unknown key "script"/, /here it is "command"/],
    ['[tasks.a]\ncommand = "x"\ndependsOn = []', '3:1', /unknown key "dependsOn"/, /here it is "deps"/],
    ['constructor = 1', '1:1', /unknown key "constructor"/, /known here: \$schema, default/],
  ]);
});

test('values of the wrong type', () => {
  refuses(readToml, [
    ['tasks = []', '1:9', /"tasks" must be a table of tasks/],
    ['[tasks]\na = 1', '2:5', /"a" must be a table/],
    ['[tasks.a]\ncommand = 1', '2:11', /"command" must be a string or a list of strings/],
    ['[tasks.a]\ncommand = ["a", 1]', '2:17', /an entry of "command" must be a string/],
    ['[tasks.a]\ndeps = "b"', '2:8', /"deps" must be a list of strings/],
    ['[tasks.a]\ninputs = ["b", true]', '2:16', /an entry of "inputs" must be a string/],
    ['[tasks.a]\noutputs = 1979-05-27', '2:11', /"outputs" must be a list/],
    ['[tasks.a]\nenv = { A = 1 }', '2:13', /"A" must be a string/],
    ['[tasks.a]\ninheritEnv = { A = 1 }', '2:14', /"inheritEnv" must be a list of strings/],
    ['[tasks.a]\ncwd = 1', '2:7', /"cwd" must be a string/],
    [
      '[tasks.a]\ntimeout = "30"',
      '2:11',
      /"timeout" must be a number with a unit \(ms, s, m or h\), such as "30s"/,
    ],
    ['[tasks.a]\ntimeout = true', '2:11', /"timeout" must be a number of milliseconds, or a string/],
    ['[tasks.a]\ntimeout = nan', '2:11', /"timeout" must be/],
    ['[tasks.a]\nretries = 1.5', '2:11', /"retries" must be a whole number/],
    ['[tasks.a]\nretries = -1', '2:11', /"retries" must not be negative/],
    ['[tasks.a]\nretries = 101', '2:11', /"retries" must be at most 100/],
    ['[tasks.a]\npriority = 1e10', '2:12', /"priority" must be at most/],
    ['[tasks.a]\npool = 2', '2:8', /"pool" must be a string/],
    ['[tasks.a]\ncache = "no"', '2:9', /"cache" must be true or false/],
    ['[tasks.a]\ntemplate = ["x"]', '2:12', /"template" must be a string/],
    ['[tasks.a]\nwith = { a = true }', '2:14', /"a" must be a string, a number or a list of these/],
    ['[pools]\na = 0', '2:5', /"a" must be at least 1/],
    ['[pools]\na = "2"', '2:5', /"a" must be a whole number/],
    ['[backups]\nnewest = 1', '2:10', /"newest" must be at least 2/],
    ['[backups]\ndays = -1', '2:8', /"days" must not be negative/],
    ['[backups]\nevery = true', '2:9', /"every" must be a number of milliseconds, a string/],
    ['[backups]\nevery = -1', '2:9', /"every" must not be negative/],
    ['[backups]\nevery = "-1m"', '2:9', /"every" must be/],
    ['[backups]\nkeep = 4', '2:1', /unknown key "keep"/, /known here: every, newest, days/],
    ['backups = false', '1:11', /"backups" must be a table/],
    ['[matrix]\nid = "x"', '1:1', /"matrix" must be a list of tables/],
    ['[[matrix]]\nfor = {}', '1:1', /"id" is missing/],
    ['[[matrix]]\nid = "x"', '1:1', /"for" is missing/],
    ['[[matrix]]\nid = "x"\nfor = { a = [] }', '3:13', /"a" must not be empty/],
    ['[[matrix]]\nid = "x"\nfor = { a = "b" }', '3:13', /"a" must be a list/],
  ]);
  refuses(readJson, [
    ['[]', '1:1', /the manifest must be a table/],
    ['{"tasks": {"a": {"command": null}}}', '1:29', /"command" must be a string or/],
  ]);
});

test('names that nothing has', () => {
  refuses(readToml, [
    ['default = ["bild"]\n[tasks.build]', '1:12', /no task is named "bild"/, /did you mean "build"\?/],
    ['default = ["x"]\n[tasks.build]', '1:12', /no task is named "x"/],
    ['default = ["x"]\n[tasks.y]', '1:12', /no task is named "x"/],
    ['default = ["x"]\n[tasks.y]\n[tasks.X]', '1:12', /no task is named "x"/, /did you mean "X"\?/],
    ['default = ["x"]\n[tasks.y]\n[tasks.x2]', '1:12', /no task is named "x"/, /did you mean "x2"\?/],
    [
      '[tasks.compile]\n[tasks.b]\ndeps = ["compile",\n  "compiel"]',
      '4:3',
      /no task is named "compiel"/,
      /"compile"/,
    ],
    [
      '[tasks.a]\ncommand = "x"\npool = "lnik"\n[pools]\nlink = 1',
      '3:8',
      /no pool is named "lnik"/,
      /"link"/,
    ],
    ['[tasks.a]\ncommand = "x"\npool = "constructor"', '3:8', /no pool is named/, /define it in \[pools\]/],
    ['[tasks.a]\ntemplate = "xx"\n[templates.x]', '2:12', /no template is named "xx"/, /did you mean "x"\?/],
  ]);
});

test('tasks that can not be', () => {
  refuses(readToml, [
    ['[tasks.""]', '1:8', /the id of a task must not be empty/],
    [
      `[tasks]\n${'é'.repeat(513).replace(/^|$/g, '"')} = {}`,
      '2:1',
      /the task id "é+…" has 1026 bytes; the limit is 1024/,
    ],
    ['[tasks.a]\ncommand = " "', '2:11', /the command of task "a" is empty/, /leave "command" out/],
    ['[tasks.a]\ncommand = []', '2:11', /the command of task "a" is empty/, /leave "command" out/],
    ['[tasks.a]\ncommand = ["", "x"]', '2:11', /the command of task "a" is empty/, /leave "command" out/],
    ['[tasks.a]\ninputs = ["x"]', '2:10', /task "a" has "inputs", but no command that reads them/],
    ['[tasks.a]\noutputs = ["x"]', '2:11', /task "a" has "outputs", but no command/],
    ['[tasks.a]\ndepfile = "x"', '2:11', /task "a" has "depfile", but no command/],
    ['[tasks.b]\n[tasks.a]\ndeps = ["b", "a"]', '3:14', /task "a" depends on itself/],
    ['[tasks.a]\ncommand = "x"\ntimeout = 0', '3:11', /must be more than 0/],
    ['[tasks.a]\ncommand = "x"\ntimeout = "600h"', '3:11', /at most 2147483647 ms/],
    ['[tasks.a]\nenv = { "A=B" = "" }', '2:9', /"A=B" can't be the name of a variable/],
    ['[env]\n"" = "x"', '2:1', /"" can't be the name of a variable/],
    ['inheritEnv = ["A", "B=1"]', '1:20', /"B=1" can't be the name/],
    ['[tasks.a]\ninheritEnv = [""]', '2:15', /"" can't be the name/],
    ['[tasks.a]\ncommand = "x"\ncwd = ""', '3:7', /the cwd "" of task "a" is empty/],
    ['[tasks.a]\ncommand = "x"\ninputs = ["a", ""]', '3:16', /the input "" of task "a" is empty/],
    ['[pools]\nconsole = 1', '2:1', /the pool "console" is built in/],
    ['[tasks.a]\nwith = {}', '2:1', /"with" gives values to a template, but none is named/],
  ]);
});

test('outputs that lie outside of the folder', () => {
  const reasons: readonly (readonly [string, RegExp])[] = [
    ['', /is empty/],
    ['!', /is empty/],
    ['/tmp/x', /is absolute/],
    ['C:/x', /is absolute/],
    ['!/x', /is absolute/],
    ['..', /leaves the manifest's folder/],
    ['a/../../x', /leaves the manifest's folder/],
    ['./../x', /leaves the manifest's folder/],
    ['**/../x', /leaves the manifest's folder/],
    ['{a,..}/x', /leaves the manifest's folder/],
    ['!../*', /leaves the manifest's folder/],
    ['.', /the manifest's folder itself/],
    ['a/..', /the manifest's folder itself/],
  ];
  for (const [output, message] of reasons) {
    const text = `{"tasks": {"a": {"command": "x", "outputs": ["ok", ${JSON.stringify(output)}]}}}`;
    assertRefused(() => readJson(text), { at: '1:52', message });
  }
  refuses(readToml, [
    ['[tasks.a]\ncommand = "x"\ndepfile = "../d"', '3:11', /the depfile "..\/d" of task "a" leaves/],
  ]);
});

test('two tasks with the same output', () => {
  refuses(readToml, [
    [
      '[tasks.a]\ncommand = "x"\noutputs = ["dist/a"]\n[tasks.b]\ncommand = "x"\noutputs = ["c", "./dist//x/../a/"]',
      '6:17',
      /the output "\.\/dist\/\/x\/\.\.\/a\/" of task "b" is an output of task "a", too/,
    ],
    ...(
      [
        ['dist/**', 'dist/**', 'is an output of task "a", too'],
        ['dist', './dist/a/b', 'lies in, or holds, "dist", an output of task "a"'],
        ['dist/a/b', 'dist/', 'lies in, or holds, "dist/a/b", an output of task "a"'],
      ] as const
    ).map(
      ([one, other, words]): Case => [
        `[tasks.a]\ncommand = "x"\noutputs = ["${one}"]\n[tasks.b]\ncommand = "x"\noutputs = ["${other}"]`,
        '6:12',
        new RegExp(`the output "${other.replace(/[.*]/g, '\\$&')}" of task "b" ${words}`),
      ],
    ),
  ]);
  readToml(
    '[tasks.a]\ncommand = "x"\noutputs = ["dist/*", "!dist/x", "d", "d", "d/e"]\n[tasks.b]\ncommand = "x"\noutputs = ["dist/*"]',
  );
});

test('the first problem in the file is the one that is told', () => {
  refuses(readToml, [
    ['[tasks.b]\ndeps = ["first"]\n[tasks.a]\ndeps = ["second"]', '2:9', /"first"/],
    ['[tasks.10]\ndeps = ["first"]\n[tasks.9]\ndeps = ["second"]', '2:9', /"first"/],
    ['[tasks.a]\nretries = "x"\ncommand = 1', '2:11', /"retries"/],
  ]);
});
