/** At a signal the program has the last word, where it listens for one. */
import { afterEach, expect, test } from "vitest";
import { keepingSignals } from "../../src/sandbox/edge/signals.ts";

const own = (): void => undefined;
const theirs = (): void => undefined;
const atExit = (): void => undefined;

/** As Miniflare's constructor. */
function make(): string {
  process.on("exit", atExit);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, theirs);
  return "made";
}

afterEach(() => {
  process.off("exit", atExit);
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, theirs).off(signal, own);
});

test("what is made ends nothing at a signal that the program listens for, but at its exit", () => {
  process.on("SIGINT", own);
  expect(keepingSignals(make)).toBe("made");
  expect(process.listeners("SIGINT")).toContain(own);
  expect(process.listeners("SIGINT")).not.toContain(theirs);
  expect(process.listeners("exit")).toContain(atExit);
});

test("where nobody else listens, it cleans up by itself", () => {
  const others = process.listeners("SIGTERM");
  process.removeAllListeners("SIGTERM");
  try {
    keepingSignals(make);
    expect(process.listeners("SIGTERM")).toEqual([theirs]);
  } finally {
    for (const listener of others) process.on("SIGTERM", listener);
  }
});
