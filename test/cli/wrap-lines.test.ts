/** What a person reads on a narrow terminal. */
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConsole } from "../../src/cli/console.ts";
import { startIn } from "../../src/cli/start.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { wrapLines } from "../../src/cli/wrap-lines.ts";
import { widthOf } from "../../src/domain/text/width.ts";
import { PLAIN_ENV } from "../support/cli.ts";
import { shellFor } from "../support/here.ts";

/** Without what marks a line that goes on with a symbol of ours. */
const words = (text: string): string[] =>
  text
    .replace(/\n *… /g, "\n")
    .split(/\s+/)
    .filter(Boolean);

describe("a line that is too long", () => {
  it("keeps its words, whole and in their order, and is broken only where it must be", () => {
    const line = fc.array(fc.string({ maxLength: 20 }), { maxLength: 30 }).map((s) => s.join(" "));
    fc.assert(
      fc.property(line, fc.integer({ min: 20, max: 100 }), (text, columns) => {
        const shown = wrapLines(text, columns);
        expect(words(shown)).toEqual(words(text));
        const longest = Math.max(...words(text).map(widthOf), 0);
        for (const part of shown.split("\n").slice(1)) {
          expect(widthOf(part)).toBeLessThanOrEqual(Math.max(columns, (columns >> 1) + longest));
        }
      }),
    );
  });

  it("goes on under where its text begins", () => {
    expect(wrapLines("   cause     the database is down, or slow", 30)).toBe(
      "   cause     the database is\n             down, or slow",
    );
    expect(wrapLines("1. 3 (1 %)  no answer from the database", 30)).toBe(
      "1. 3 (1 %)  no answer from the\n            database",
    );
  });

  it("stays whole where it is a command, and where it has no blank", () => {
    for (const line of [
      "  CLOUDFLARE_ACCOUNT_ID=1 npx wrangler kv key put --namespace-id 2 --remote stop '{}'",
      "x".repeat(200),
    ]) {
      expect(wrapLines(line, 40)).toBe(line);
    }
  });
});

describe("a command to copy that does not fit behind its label", () => {
  const command = 'pixcanary restore --config /etc/pixcanary.json --env production --reason "…"';

  it("stands whole on a line of its own, and what is said of it below", () => {
    expect(wrapLines(`→ next: ${command}   # when the cause is fixed`, 80)).toBe(
      `→ next:\n${command}\n# when the cause is fixed`,
    );
    expect(wrapLines(`      fix: ${command}`, 80)).toBe(`      fix:\n${command}`);
  });

  it("stays where it is as long as it fits, with what is said of it below where only that does not", () => {
    const short = "→ next: pixcanary status --env production";
    expect(wrapLines(short, 80)).toBe(short);
    expect(wrapLines(`${short}   # ${"again ".repeat(9)}soon`, 60)).toBe(
      `${short}\n        # ${"again ".repeat(8).trim()}\n        again soon`,
    );
  });
});

describe("the answer of a command", () => {
  async function answer(argv: string[], columns: number | null): Promise<string> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    if (columns !== null) Object.assign(stdout, { isTTY: true, columns });
    const console = createConsole({ color: false, env: {} }, { stdout, stderr });
    const shell = shellFor({ console, argv, env: { ...PLAIN_ENV }, stdin: new PassThrough() });
    await startIn(shell, VERBS);
    return String(stdout.read() ?? "");
  }
  const log = `${JSON.stringify({ level: "ERROR", at: "2026-01-01T00:00:00Z", message: `no ${"long ".repeat(60)}answer` })}\n`;

  it("is broken at blanks on a terminal, never in a pipe, and never as JSON", async () => {
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
    const folder = await mkdtemp("/tmp/pixcanary-wrap-");
    try {
      await writeFile(`${folder}/worker.ndjson`, log);
      const argv = ["logs", "errors", `${folder}/worker.ndjson`];
      const longest = (text: string) => Math.max(...text.split("\n").map(widthOf));
      expect(longest(await answer(argv, 60))).toBeLessThanOrEqual(60);
      expect(longest(await answer(argv, null))).toBeGreaterThan(200);
      expect(longest(await answer([...argv, "--json"], 60))).toBeGreaterThan(200);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

it("what is said on stderr is broken on a terminal alone, whatever says it", () => {
  const said = (columns: number | null): string => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    if (columns !== null) Object.assign(stderr, { isTTY: true, columns });
    createConsole({ color: false, env: {} }, { stdout, stderr }).err(`! ${"word ".repeat(30)}`);
    return String(stderr.read());
  };
  expect(Math.max(...said(40).split("\n").map(widthOf))).toBeLessThanOrEqual(40);
  expect(said(null).trimEnd().split("\n")).toHaveLength(1);
});
