/** The dashboard's cookie: for an hour, for this token, and for nothing that was changed. */
import { expect, test } from "vitest";
import { createViewerCookie } from "../../worker/dashboard/viewer-cookie.ts";

const START_MS = Date.parse("2026-11-29T14:00:00Z");
const TOKEN = "t".repeat(40);

function at(seconds: number, token: string | null = TOKEN) {
  return createViewerCookie(token, () => START_MS + seconds * 1_000);
}

const asking = (cookie: string): Request =>
  new Request("https://api.pix.immo/qa/dashboard", { headers: { cookie } });

/** As the browser sends it back. */
const made = async (): Promise<string> => ((await at(0).make()) ?? "").split(";")[0] ?? "";

test.each([
  ["at once", 0, true],
  ["a second before its hour is over", 3_599, true],
  ["when its hour is over", 3_600, false],
  ["a day later", 86_400, false],
  ["by a clock that was an hour ahead when it was made", -3_600, false],
])("%s", async (_, seconds, isIn) => {
  expect(await at(seconds).isIn(asking(await made()))).toBe(isIn);
});

test("another token ends it, and without a token there is none", async () => {
  const cookie = await made();
  expect(await at(1, "u".repeat(40)).isIn(asking(cookie))).toBe(false);
  expect(await at(1, null).isIn(asking(cookie))).toBe(false);
  expect(await at(1, null).make()).toBeNull();
});

test("it is found among others; of many, four are looked at", async () => {
  const cookie = await made();
  const [name] = cookie.split("=");
  expect(await at(1).isIn(asking(`a=b; ${cookie}; c=d`))).toBe(true);
  expect(await at(1).isIn(asking(`${name}=x; ${cookie}`))).toBe(true);
  expect(await at(1).isIn(asking(`${`${name}=x; `.repeat(4)}${cookie}`))).toBe(false);
});

test.each(["", "v1", "v1.1.x", "v2.1796000000.x", `v1.${"9".repeat(10)}.${"A".repeat(43)}`])(
  "%j is none of ours",
  async (value) => {
    expect(await at(0).isIn(asking(`__Host-pix-dashboard=${value}`))).toBe(false);
  },
);
