/** What doctor says to do when `/qa` gives no document. */
import { expect, test } from "vitest";
import { examine } from "../../../src/commands/doctor/doctor.ts";
import { QA_TOKEN_FORM } from "../../../src/domain/config/qa-token.ts";
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
