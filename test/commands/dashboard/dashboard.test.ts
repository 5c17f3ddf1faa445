/** Which address is opened, and for whom: a person at a terminal, not a script. */
import { expect, test } from "vitest";
import { dashboard } from "../../../src/commands/dashboard/dashboard.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { INPUT, RampStage } from "../ramp/stage.ts";

function stage({ urls = ["https://api.pix.immo/qa"], inPlace = true, json = false } = {}) {
  const opened: string[] = [];
  const ports = new RampStage().ports();
  const given: Ports = {
    ...ports,
    qa: { ...ports.qa, urls },
    screen: { ...ports.screen, inPlace, json },
    pages: {
      ...ports.pages,
      open: async (url) => {
        opened.push(url);
        return true;
      },
    },
  };
  const run = (own: { local: boolean; print: boolean }) =>
    dashboard.run({ ...INPUT, ...own }, given);
  return { opened, run };
}

const ADDRESS = "https://api.pix.immo/qa/dashboard";

test("at a terminal it is opened", async () => {
  const { opened, run } = stage();
  const outcome = await run({ local: false, print: false });
  expect(outcome).toMatchObject({ kind: "done", data: { address: ADDRESS, opened: true } });
  expect(opened).toEqual([ADDRESS]);
  expect(dashboard.render(outcome)).toBe(`  opening   ${ADDRESS}`);
});

test.each([
  ["with --print", { inPlace: true, json: false }, true],
  ["with --json", { inPlace: true, json: true }, false],
  ["in a pipe", { inPlace: false, json: false }, false],
])("%s it is printed alone", async (_, screen, print) => {
  const { opened, run } = stage(screen);
  const outcome = await run({ local: false, print });
  expect(outcome).toMatchObject({ kind: "done", data: { address: ADDRESS, opened: false } });
  expect(opened).toEqual([]);
});

test("an address that does not end in /qa has none beside it: --local is offered", async () => {
  const { opened, run } = stage({ urls: ["https://api.pix.immo/health"] });
  expect(await run({ local: false, print: false })).toMatchObject({
    kind: "failed",
    code: "usage",
    next: expect.stringContaining("dashboard"),
  });
  expect(opened).toEqual([]);
});
