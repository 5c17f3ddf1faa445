/** Completion in real shells: it completes, and runs nothing of what was typed. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPLETION_SCRIPTS } from "../../src/cli/tools/completion-scripts.ts";
import { ensureCli } from "../support/cli.ts";
import { type PtyShell, ptyShell } from "../support/pty.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/pixcanary.js", import.meta.url));
const BASH_COMPLETION = "/usr/share/bash-completion/bash_completion";

let home = "";
let work = "";
let env: Record<string, string> = {};
beforeAll(async () => {
  await ensureCli();
  home = await mkdtemp(join(tmpdir(), "pixcanary-completion-"));
  work = join(home, "work");
  await mkdir(work);
  await mkdir(join(home, "bin"));
  await mkdir(join(home, "é b"));
  await writeFile(join(home, "é b/deep.log"), "");
  await writeFile(
    join(home, "bin/pixcanary"),
    // What the scripts do with a line is the matter here: for the many lines, an answer that costs nothing.
    `#!/bin/sh
case "$3" in *' --e') echo --env; exit ;; esac
exec '${process.execPath}' '${PROGRAM}' "$@"
`,
    { mode: 0o755 },
  );
  const environment = {
    accountId: "a".repeat(32),
    namespaceId: "b".repeat(32),
    worker: "w",
    qaUrls: ["https://api.pix.immo/api/qa"],
    canaryTag: "B2a",
  };
  await writeFile(
    join(work, "pixcanary.json"),
    JSON.stringify({ environments: { staging: environment } }),
  );
  env = {
    PATH: [join(home, "bin"), "/usr/bin", "/bin"].join(delimiter),
    HOME: home,
    ZDOTDIR: home,
    LANG: "C.UTF-8",
    TERM: "xterm",
  };
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** What the attacker's words would make, if anything ran them. */
const planted = async () => (await readdir(work)).filter((name) => name !== "pixcanary.json");

/** Each makes a file if it is evaluated; \u0016 takes the next key as it is. */
const HOSTILE = [
  '"$(touch x1)"',
  "$(touch x2)",
  '"`touch x3`"',
  "`touch x4`",
  "'$(touch x5)'",
  "a\\;touch\\ x6",
  "'; touch x7; '",
  '"a\u0016\n$(touch x8)\u0016\nb"',
  "*$(touch x9)*",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  "${x:-$(touch x10)}",
  "$((a[$(touch x11)]))",
  "<(touch x12)",
  "'a'\\''b'$(touch x13)",
  "a:$(touch x14)=b",
  "$'$(touch x15)'",
];
const before = (word: string) => `pixcanary --reason ${word} not-aus --e`;
const LINES = [
  ...HOSTILE.map(before),
  ...HOSTILE.slice(0, 4).map((word) => before(word).replace("--reason ", "--reason=")),
];
/** The cursor in the word itself, as a path, as a choice, as a verb, and open. */
const INSIDE = [
  'pixcanary --config "$(touch y1)"/',
  "pixcanary --config=`touch y2`/",
  "pixcanary --env $(touch y3)",
  'pixcanary --reason "$(touch y4)"',
  // Each shell takes another word than the program, which sees a plain one at the end.
  "pixcanary logs errors $(touch y5)/$'\\' '/c",
  "pixcanary --config=$(touch y6)/$'\\' '/c",
  "pixcanary logs errors $(touch y7)/${x:-a b",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  "pixcanary logs errors $(touch y8)/${x:-a b}\u0002",
  'pixcanary logs errors $(touch y9)/"${x:-"a b',
  "pixcanary logs errors $(touch y10)/$[1 + 2",
  "pixcanary logs errors $'\\'\"' \"$((a[$(touch y11)])) /c",
  // A blank to the program, and a letter like any other to zsh.
  "pixcanary logs errors $(touch y12)/\u00a0/c",
];

interface Kind {
  name: string;
  needs: readonly string[];
  /** For /bin/sh. */
  start: string;
  /** Typed before anything else. */
  first: string;
  source(path: string): string;
  script: string;
  /** The script as it must not be. */
  evil(script: string): string;
}

const BASH = {
  needs: ["bash", "script"],
  start: "PS1='ready> ' exec bash --norc --noprofile -i",
  first: "",
  source: (path: string) => `source ${path}`,
  script: COMPLETION_SCRIPTS.bash ?? "",
  evil: (script: string) =>
    script.replace("COMPREPLY=()", 'COMPREPLY=(); eval "set -- $COMP_LINE"'),
};
const KINDS: readonly Kind[] = [
  { ...BASH, name: "bash without bash-completion" },
  {
    ...BASH,
    name: "bash with bash-completion",
    needs: ["bash", "script", BASH_COMPLETION],
    first: `source ${BASH_COMPLETION}\r`,
  },
  {
    name: "zsh",
    needs: ["zsh", "script"],
    start: "PS1='ready> ' exec zsh -f -i",
    // zsh's own Tab expands the word that the cursor touches, whatever the command.
    first: "bindkey '^I' complete-word; bindkey '^K' kill-buffer\r",
    source: (path) => `source ${path}`,
    script: COMPLETION_SCRIPTS.zsh ?? "",
    evil: (script) => script.replace("local -a", 'eval "set -- $line"; local -a'),
  },
];

const isThere = (need: string) =>
  need.startsWith("/")
    ? existsSync(need)
    : ["/usr/bin", "/bin"].some((folder) => existsSync(join(folder, need)));
const missing = (needs: readonly string[]) => needs.filter((need) => !isThere(need)).join(", ");

async function started(kind: Kind, script: string): Promise<{ shell: PtyShell; said: string }> {
  const path = join(home, "completion");
  await writeFile(path, script);
  const shell = await ptyShell(kind.start, { cwd: work, env });
  const twice = `${kind.source(path)}; ${kind.source(path)}\r`;
  const said = await shell.type(`${kind.first}${twice}`);
  return { shell, said };
}

describe.each(KINDS)("$name", (kind) => {
  const absent = missing(kind.needs);

  it.skipIf(absent !== "")(
    `completes, and runs nothing of the line${absent && ` (no ${absent} here)`}`,
    async () => {
      const { shell, said } = await started(kind, kind.script);
      try {
        expect(said).not.toMatch(/error|not found|readonly|read-only|denied|usage/i);
        const typed = (keys: string) => shell.type(`${keys}\t`);
        expect(await typed("pixcanary no")).toContain("not-aus");
        expect(await typed("pixcanary not-aus --inc")).toContain("--incident");
        expect(await typed("pixcanary status --env ")).toContain("staging");
        expect(await typed("pixcanary status --env=")).toContain("staging");
        expect(await typed("pixcanary status --env s")).toContain("staging");
        expect(await typed("pixcanary explain --cohort=n")).toContain("--cohort=native");
        expect(await typed("pixcanary --config pixc")).toContain("pixcanary.json");
        expect(await typed("pixcanary --config=~/work/pixc")).toContain("pixcanary.json");
        expect(await typed("pixcanary logs errors ~/é\\ b/de")).toContain("deep.log");
        expect(await typed('pixcanary logs errors "../é b/de')).toContain("deep.log");
        // In the middle of a line: what stands behind the cursor is not asked about.
        expect(await typed(`pixcanary no "$(touch z1)"${"\u0002".repeat(14)}`)).toContain("t-aus");
        for (const line of LINES)
          expect([line, await typed(line)]).toEqual([line, expect.stringContaining("--env")]);
        for (const line of INSIDE) await typed(line);
        expect(await planted()).toEqual([]);
      } finally {
        await shell.close();
      }
    },
  );

  it.skipIf(absent !== "")("would be caught if its script evaluated the line", async () => {
    const { shell } = await started(kind, kind.evil(kind.script));
    try {
      await shell.type(`${before('"$(touch x)"')}\t`);
      expect(await planted()).toContain("x");
    } finally {
      await shell.close();
      for (const name of await planted()) await rm(join(work, name));
    }
  });
});

/** For each way to set up a shell that makes it strict, or another one. */
describe.each([
  ["bash", "set -eu"],
  ["bash", "set -o posix; set -euo pipefail; set -f; shopt -s failglob"],
  ["bash", "IFS=e"],
  ["zsh", "setopt no_unset err_exit"],
  ["zsh", "setopt ksh_arrays sh_word_split"],
  ["zsh", "emulate sh"],
] as const)("%s after %s", (program, mode) => {
  it.skipIf(missing([program]) !== "")("takes the script, twice, and goes on", async () => {
    const path = join(home, `strict.${program}`);
    await writeFile(path, COMPLETION_SCRIPTS[program] ?? "");
    // Where nothing is being completed, bash's compopt fails.
    const ask =
      program === "zsh"
        ? ""
        : 'COMP_LINE="pixcanary --config ./" COMP_POINT=21; _pixcanary_complete pixcanary ./ --config;';
    const line = `${mode}\n. ${path}; . ${path}; ${ask} echo went on`;
    const { stdout, stderr } = await execa(program, ["-c", line], {
      cwd: work,
      env: { ...env, BASH_ENV: "" },
      extendEnv: false,
      reject: false,
    });
    expect([stdout, stderr]).toEqual(["went on", ""]);
  });
});

describe("fish", () => {
  const absent = missing(["fish"]);
  const script = COMPLETION_SCRIPTS.fish ?? "";

  async function fish(source: string, lines: readonly string[]) {
    const path = join(home, "completion.fish");
    await writeFile(path, source);
    const twice = `source ${path}; source ${path}`;
    const words = ["-N", "-c", `${twice}; for line in $argv; complete -C $line; end`, ...lines];
    return execa("fish", words, { cwd: work, env, extendEnv: false, reject: false });
  }

  it.skipIf(absent !== "")(
    `completes, and runs nothing of the line${absent && ` (no ${absent} here)`}`,
    async () => {
      const lines = LINES.map((line) => line.replaceAll("\u0016", ""));
      const inside = INSIDE.map((line) => line.replaceAll("\u0002", ""));
      const { stdout, stderr } = await fish(script, [
        "pixcanary no",
        "pixcanary status --env=s",
        "pixcanary status --env ",
        "pixcanary --config=pixc",
        ...lines,
        ...inside,
      ]);
      expect(stderr).toBe("");
      for (const word of ["not-aus", "--env=staging", "staging", "--config=pixcanary.json"]) {
        expect(stdout).toMatch(new RegExp(`^${word}(\t|$)`, "m"));
      }
      expect(stdout.match(/^--env$/gm)?.length).toBeGreaterThan(LINES.length / 2);
      expect(await planted()).toEqual([]);
    },
  );

  it.skipIf(absent !== "")("would be caught if its script evaluated the line", async () => {
    const evil = script.replace("\n    for", '\n    eval "set -l words $line"\n    for');
    await fish(evil, [before('"$(touch x)"')]);
    expect(await planted()).toContain("x");
    await rm(join(work, "x"));
  });
});
