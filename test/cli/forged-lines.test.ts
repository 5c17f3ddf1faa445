/** Foreign text that is broken over lines: none of them may look like one of ours. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import pc from "picocolors";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, askFor } from "../../src/cli/confirm.ts";
import { createConsole, paintLines } from "../../src/cli/console.ts";
import { createScreen } from "../../src/cli/screen.ts";
import { wrapLines } from "../../src/cli/wrap-lines.ts";
import { escapeForTerminal } from "../../src/domain/text/escape.ts";
import { wrap } from "../../src/domain/text/width.ts";
import { failure, startServer, success, type TestServer } from "../adapters/server.ts";
import { PLAIN_ENV } from "../support/cli.ts";
import { runHere } from "../support/here.ts";
import { hostileText } from "../support/hostile-text.ts";
import { runs } from "../support/runs.ts";

/** How a line of ours begins, and its look-alikes. */
const OURS = /^\s*\p{M}*[✔✖!?→·–●▲▼✓✗✅]/u;
const paint = pc.createColors(true);
const coloured = (lines: readonly string[]): string[] =>
  lines.filter((line) => paintLines(line, paint) !== line);

const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."✔✖!?→·–●▲▼✓✗", "✅", "\u0301✔") },
  fc.constantFrom("✔\u00a0restore:\u00a0live", "✔restore:", "!x", "→ next: npx x", "", " "),
  fc.integer({ min: 1, max: 90 }).map((length) => "a".repeat(length)),
  hostileText(6),
);
const foreign = fc
  .array(word, { minLength: 1, maxLength: 30 })
  .map((words) => escapeForTerminal(words.join(" ")));
const begin = fc.constantFrom(
  ...[
    "",
    "Incident 1 - ",
    "✔ verify: ",
    "! ",
    "  revision  ",
    "  ",
    "   cause     ",
    "1. 3 (1 %)  ",
  ],
  ...["✖ a: npx x ", "· 07:00:00Z INFO  native  "],
);
const columns = fc.integer({ min: 20, max: 100 });

describe("a line that goes on", () => {
  it("never begins as one of ours, nor has a colour of its own, on a terminal of any width", () => {
    fc.assert(
      fc.property(begin, foreign, columns, (ours, text, width) => {
        const [, ...further] = wrapLines(`${ours}x${text}`, width).split("\n");
        expect(further.filter((line) => OURS.test(line))).toEqual([]);
        expect(coloured(further)).toEqual([]);
        // At the first column stands what we begin.
        expect(further.filter((line) => /^\S/.test(line))).toEqual([]);
      }),
      { numRuns: runs(4_000) },
    );
  });

  it("nor does it in a table that is broken for every reader", () => {
    fc.assert(
      fc.property(begin, foreign, columns, (ours, text, width) => {
        const [, ...further] = wrap(`${ours}x${text}`, width, "    ");
        expect(further.filter((line) => OURS.test(line))).toEqual([]);
        expect(coloured(further)).toEqual([]);
      }),
      { numRuns: runs(4_000) },
    );
  });

  it("nor where the terminal breaks what stays whole", () => {
    const narrow = fc.array(
      fc.oneof(
        fc.constantFrom(..."✔✖!?→", "npx x", ""),
        word.filter((text) => /^a+$/.test(text)),
      ),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(begin, narrow, columns, (ours, words, width) => {
        const shown = wrapLines(`${ours}x${words.join(" ")}`, width).split("\n");
        const rows = shown.flatMap((line) => rowsOf(line, width).slice(1));
        expect(rows.filter((row) => /^\s*[✔✖!?→] +\S/.test(row))).toEqual([]);
      }),
      { numRuns: runs(4_000) },
    );
  });

  it("is marked, and keeps its words", () => {
    const revision = `${"a".repeat(30)} ✔ restore: live at FRA`;
    expect(wrapLines(`  revision  ${revision}`, 43)).toBe(
      `  revision  ${"a".repeat(30)}\n            … ✔ restore: live at FRA`,
    );
    expect(wrap(`  revision  ${revision}`, 43, " ".repeat(12))).toEqual([
      `  revision  ${"a".repeat(30)}`,
      "            … ✔ restore: live at FRA",
    ]);
    expect(wrapLines(`Incident 1 - ${revision}`, 44)).toBe(
      `Incident 1 - ${"a".repeat(30)}\n  … ✔ restore: live at FRA`,
    );
  });
});

describe("a terminal with colours", () => {
  const said = `${"a".repeat(60)} ✔\u00a0restore:\u00a0live\u00a0at\u00a0FRA ✔ restore: live at FRA`;
  function shown(write: (console: ReturnType<typeof createConsole>) => void): string[] {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    for (const stream of [stdout, stderr]) Object.assign(stream, { isTTY: true, columns: 80 });
    write(createConsole({ color: true, env: {} }, { stdout, stderr }));
    return `${stdout.read() ?? ""}${stderr.read() ?? ""}`.trimEnd().split("\n");
  }

  it.each([
    ["what is said", () => shown((console) => console.err(`  revision ${said}`))],
    [
      "a line of what goes on",
      () =>
        shown((console) =>
          createScreen(console, { json: false, color: true, env: {} }).line(`  revision ${said}`),
        ),
    ],
  ])("paints no foreign text green: %s", (_what, lines) => {
    const [first, ...further] = lines();
    expect(first).toContain("aaaa");
    expect(further.length).toBeGreaterThan(0);
    for (const line of further) expect(line).not.toContain("\u001b");
    for (const line of further) expect(line).not.toMatch(OURS);
  });
});

const clack = vi.hoisted(() => ({ asked: "" }));
vi.mock("@clack/prompts", () => {
  const prompt = async ({ message }: { message: string }) => {
    clack.asked = message;
    return "";
  };
  return { confirm: prompt, text: prompt, isCancel: () => false };
});

describe("a question", () => {
  const terminals = [process.stdin, process.stderr];
  const before = terminals.map(({ isTTY }) => isTTY);
  beforeEach(() => {
    for (const stream of terminals) Object.assign(stream, { isTTY: true });
  });
  afterEach(() => {
    for (const [at, stream] of terminals.entries()) Object.assign(stream, { isTTY: before[at] });
  });
  const remote = fc
    .array(fc.oneof(word, fc.constantFrom("\n✔ setup: done", "\u001b[2K")), { maxLength: 30 })
    .map((words) => words.join(" "));

  it.each([
    ["go on?", (text: string) => ask(text, {})],
    ["for a value", (text: string) => askFor(text, undefined, () => undefined)],
  ])("%s shows nothing that a terminal obeys, and no line like one of ours", async (_, asks) => {
    await fc.assert(
      fc.asyncProperty(remote, async (text) => {
        await asks(`account id (${text})`);
        const [first = "", ...further] = clack.asked.split("\n");
        expect([first, ...further].map(escapeForTerminal)).toEqual([first, ...further]);
        expect(further.filter((line) => OURS.test(line) || /^\S/.test(line))).toEqual([]);
      }),
      { numRuns: runs(400) },
    );
    await asks(`${"a".repeat(76)} ✔ setup: done`);
    expect(clack.asked).toBe(`${"a".repeat(76)}\n  … ✔ setup: done`);
  });
});

describe("setup without a terminal says in lines of its own alone", () => {
  const FORGED = "x\n✔ setup: done\u001b[2K";
  const CONFIG = "pixcanary.json";
  const config = (own: object, name = "staging") =>
    JSON.stringify({ environments: { [name]: own } });
  let server: TestServer;
  let cwd = "";
  const setup = (words: readonly string[], more: Record<string, string> = {}) => {
    const api = {
      CLOUDFLARE_API_BASE_URL: `${server.url}/client/v4`,
      CLOUDFLARE_API_TOKEN: "t".repeat(40),
    };
    const all = ["setup", "--qa-url", "http://127.0.0.1:1/qa", ...words];
    return runHere(all, { cwd, env: { ...PLAIN_ENV, ...api, ...more } });
  };
  beforeEach(async () => {
    server = await startServer();
    cwd = await mkdtemp(join(tmpdir(), "pixcanary-forged-"));
  });
  afterEach(async () => {
    await server.close();
    await rm(cwd, { recursive: true, force: true });
  });

  it.each([
    [
      "the accounts that its token sees",
      CONFIG,
      config({ worker: "w" }),
      "setup needs the account",
    ],
    ["the Worker in pixcanary.json", CONFIG, config({ worker: FORGED }), "worker must be"],
    ["a bucket", CONFIG, config({ worker: "w", logsBucket: FORGED }), "logsBucket must be"],
    ["the environment", CONFIG, config({}, FORGED), "the environment's name must be"],
    ["the file of its token", CONFIG, config({ tokenFile: FORGED }), "cannot read the secret file"],
    ["wrangler's Worker", "wrangler.json", JSON.stringify({ name: FORGED }), "worker must be"],
  ])("what is wrong: %s", async (_, file, text, problem) => {
    const accounts = ["a", "b"].map((digit) => ({ id: digit.repeat(32), name: FORGED }));
    server.reply(success(accounts));
    await writeFile(join(cwd, file), text);
    const env = text.includes("tokenFile") ? { CLOUDFLARE_API_TOKEN: "" } : {};
    const named = text.includes("staging") || file !== CONFIG ? ["--env", "staging"] : [];
    const { code, stdout, stderr } = await setup(named, env);
    const lines = stderr.trimEnd().split("\n");
    expect([code, stdout, lines.length, lines[0]]).toEqual([
      ...[2, "", 2],
      expect.stringContaining(`✖ ${problem}`),
    ]);
    expect(lines[1]).toMatch(/^→ try: /);
    expect(stderr).not.toContain("\u001b");
  });

  it("what it begins with: an account whose id is none", async () => {
    server.reply(success([{ id: FORGED, name: "x" }]), failure(403, 10_000, "no"));
    const { stderr } = await setup(["--env", "staging", "--worker", "w"]);
    expect(stderr).toMatch(/^setup → staging \(worker w, account x\\x0a✔ setup: done/);
    expect(stderr).not.toMatch(/^✔/m);
  });
});

/** As a terminal does it; every character takes one column. */
function rowsOf(line: string, width: number): string[] {
  const chars = [...line];
  const count = Math.max(1, Math.ceil(chars.length / width));
  return Array.from({ length: count }, (_, at) =>
    chars.slice(at * width, (at + 1) * width).join(""),
  );
}
