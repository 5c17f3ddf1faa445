import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createProgress } from "../../src/cli/progress.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a wait", () => {
  it("is seen on a terminal from the start, with its seconds, and leaves nothing behind", () => {
    const [said, shown]: [string[], string[]] = [[], []];
    const progress = createProgress(
      (text) => said.push(text),
      (text) => shown.push(text),
    );
    const answered = progress.waiting("waiting for \u001b[2Jthe API");
    vi.advanceTimersByTime(2_000);
    answered();
    vi.advanceTimersByTime(9_000);
    expect(shown).toEqual([
      "  waiting for \\x1b[2Jthe API",
      "  waiting for \\x1b[2Jthe API, 1 s",
      "  waiting for \\x1b[2Jthe API, 2 s",
      "",
    ]);
    expect(said).toEqual([]);
  });

  it("without a terminal is a line after a second, then one every five", () => {
    const said: string[] = [];
    const answered = createProgress((text) => said.push(text)).waiting("waiting for the API");
    vi.advanceTimersByTime(999);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(7_000);
    answered();
    vi.advanceTimersByTime(9_000);
    expect(said).toEqual(["  waiting for the API, 1 s", "  waiting for the API, 6 s"]);
  });
});
