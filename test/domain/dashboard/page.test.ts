/** Where the page is, and that nothing but it may run there. */
import { expect, test } from "vitest";
import { dashboardAddress, PAGE_HEADERS } from "../../../src/domain/dashboard/page.ts";

test.each([
  ["https://api.pix.immo/qa", "https://api.pix.immo/qa/dashboard"],
  ["https://api.pix.immo/api/qa", "https://api.pix.immo/api/qa/dashboard"],
  ["https://api.pix.immo/qa/?x=1", "https://api.pix.immo/qa/dashboard"],
  ["https://api.pix.immo/other", null],
  ["nonsense", null],
])("beside %s", (url, address) => {
  expect(dashboardAddress([url])).toBe(address);
});

test("without a /qa there is none", () => {
  expect(dashboardAddress([])).toBeNull();
});

test("the policy names no other host, nothing inline and no evaluation", () => {
  const policy = PAGE_HEADERS["Content-Security-Policy"] ?? "";
  expect(policy.split("; ")).toEqual(
    expect.arrayContaining(["default-src 'none'", "script-src 'self'", "trusted-types 'none'"]),
  );
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
});
