/** What doctor says to do when `/qa` gives no document. */
import { expect, test } from "vitest";
import { examine } from "../../../src/commands/doctor/doctor.ts";
import { QA_TOKEN_FORM } from "../../../src/domain/config/qa-token.ts";
import { hostOf, type TokenHost } from "../../../src/domain/config/token-hosts.ts";
import type { MissingSecret } from "../../../src/ports/ports.ts";
import { portsOf } from "../validate/world.ts";

test.each([
  [
    401,
    `refuses every token: its QA_TOKEN is not ${QA_TOKEN_FORM}`,
    /^T=\$\(openssl rand -hex 32\)/,
  ],
  [401, "refused the QA token (HTTP 401)", /^export PIXCANARY_QA_TOKEN=/],
  [
    429,
    "refuses all tokens from this address for 40 s",
    /^wait a minute, then check that PIXCANARY_QA_TOKEN/,
  ],
  [null, "connection refused", /^check qaUrls/],
])("%s, %s", async (status, problem, fix) => {
  const ports = portsOf({ sighting: { status, problem, qa: null } });
  const { checks } = await examine(ports, new AbortController().signal);
  const failed = checks.filter(({ detail }) => detail === problem);
  expect(failed).toMatchObject([{ result: "fail", fix: expect.stringMatching(fix) }]);
});

const HOST = hostOf(portsOf().qa.urls[0] ?? "");
const REFUSED = { status: 401, problem: "refused the QA token (HTTP 401)", qa: null };
const host = (allowed: boolean) => ({ token: "/qa token", host: HOST, allowed });

test.each<[string, { hosts?: TokenHost[]; missing?: MissingSecret[] }, string]>([
  ["a token that is not sent", { hosts: [host(false)] }, "not checked: see token hosts"],
  [
    "a token that cannot be read",
    { missing: [{ what: "/qa token", why: "why", fix: "chmod 600 it" }] },
    "not checked: see /qa token",
  ],
  ["a token that is wrong", { hosts: [host(true)] }, REFUSED.problem],
])("a refusal for %s is named once", async (_, { hosts = [], missing = [] }, detail) => {
  const ports = {
    ...portsOf({ sighting: REFUSED }),
    tokenHosts: { list: hosts, problem: null, allow: "allow it" },
    missingSecrets: missing,
  };
  const { checks } = await examine(ports, new AbortController().signal);
  const found = checks.filter(({ result }) => result === "fail" || result === "skip");
  expect(found.map((check) => check.detail)).toContain(detail);
  expect(found.filter(({ result }) => result === "fail")).toHaveLength(1);
});

test("each fix fits on one line behind its label", async () => {
  const problems = ["(DNS)", "a web page", "redirects to https://x", "no complete answer", "x"];
  const seen = problems.map((problem) => ({ status: null, problem, qa: null }));
  const statuses = [403, 404, 429].map((status) => ({ status, problem: "x", qa: null }));
  for (const sighting of [...seen, ...statuses]) {
    const ports = portsOf({ sighting });
    const { checks } = await examine(ports, new AbortController().signal);
    for (const { fix } of checks) expect(fix?.length ?? 0, fix ?? "").toBeLessThanOrEqual(69);
  }
});
