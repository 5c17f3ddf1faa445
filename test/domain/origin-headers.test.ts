import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  DROPPED,
  FROM_CLOUDFLARE,
  LOCATION_HEADERS,
  passageOf,
  SET_BY_EDGE,
} from "../../src/domain/origin-headers.ts";

const page = readFileSync(new URL("../../docs/proxy-headers.md", import.meta.url), "utf8");

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

test.each(DROPPED)(
  "the docs list exactly the headers of which it is true: $why",
  ({ names, why }) => {
    const row = page.split("\n").find((line) => line.startsWith(`- ${why}: `)) ?? "";
    expect(quoted(row)).toEqual(names);
  },
);

test("the docs name every header that the edge says", () => {
  const said = quoted(page.slice(0, page.indexOf("## Never passed on")));
  const ours = [...SET_BY_EDGE, ...FROM_CLOUDFLARE, "cf-visitor", ...Object.keys(LOCATION_HEADERS)];
  expect(said).toEqual(expect.arrayContaining(ours));
});

test("a name in another spelling than Cloudflare's own is not Cloudflare's", () => {
  expect(passageOf("cf-connecting-ip")).toBe("as-it-is");
  for (const name of ["cf_connecting_ip", "cf.connecting.ip", "cf-connecting_ip", "cf_ray"]) {
    expect(passageOf(name)).toBe("dropped");
  }
});

test("the longest name that a visitor can send is judged as fast as a short one", () => {
  const hostile = ["x-", "forwarded", "-ip", "client-ip"].map((part) => part.repeat(4_000));
  expect(hostile.map(passageOf)).toEqual(["as-it-is", "dropped", "dropped", "dropped"]);
});
