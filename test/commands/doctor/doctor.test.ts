/** What doctor says of `/qa`, and of an API that answers otherwise than a sandbox. */
import { expect, test } from "vitest";
import { examine } from "../../../src/commands/doctor/doctor.ts";
import { QA_TOKEN_FORM } from "../../../src/domain/config/qa-token.ts";
import { hostOf, type TokenHost } from "../../../src/domain/config/token-hosts.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { MissingSecret, Ports } from "../../../src/ports/ports.ts";
import { portsOf } from "../validate/world.ts";

test.each([
  [
    401,
    `refuses every token: its QA_TOKEN is not ${QA_TOKEN_FORM}`,
    /^T=\$\(openssl rand -hex 32\).* --name pix; /,
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

const signal = new AbortController().signal;

/** Of the checks with this name: how they end, and what they say. */
async function found(ports: Ports, name: string): Promise<string[]> {
  const { checks } = await examine(ports, signal);
  const own = checks.filter((check) => check.name === name);
  return own.map(({ result, detail, fix }) => `${result}: ${detail} → ${fix}`);
}

const account = (changed: Partial<Ports["account"]>): Ports => {
  const ports = portsOf();
  return { ...ports, account: { ...ports.account, ...changed } };
};
const refuse = (kind: UpstreamError["kind"], message: string) => async () => {
  throw new UpstreamError(kind, message);
};

test("a token that KV has just taken is not called bad because it cannot be verified", async () => {
  const [forbidden] = await found(account({ token: refuse("forbidden", "HTTP 403") }), "token");
  expect(forbidden).toBe("skip: HTTP 403; until when it is valid is unknown → null");
  const [lost] = await found(account({ token: refuse("unavailable", "HTTP 500") }), "token");
  expect(lost).toMatch(/^warn: HTTP 500; .* → check the network/);
});

test("a write that was too slow to be read back is no failure", async () => {
  const [write] = await found(account({ writable: async () => "written" }), "KV write");
  expect(write).toMatch(/^warn: probe key written, too slowly/);
});

test.each([
  ["preview", "pass"],
  ["pix-api-preview-canary-config", "pass"],
  ["pix-api-KV_CANARY_CONFIG_preview", "fail"],
])("a namespace named %s: %s", async (title, result) => {
  const [namespace] = await found(account({ namespace: async () => ({ title }) }), "namespace");
  expect(namespace).toMatch(new RegExp(`^${result}: `));
});

test("an account without R2 is told so", async () => {
  const ports = portsOf();
  const message = "list the logs: HTTP 403: Please enable R2 through the Cloudflare Dashboard.";
  const archive = {
    ...ports.logs.archive,
    place: { bucket: "logs", prefix: "b2a" },
    // biome-ignore lint/correctness/useYield: it only fails
    list: async function* () {
      throw new UpstreamError("rejected", message);
    },
  };
  const [logs] = await found({ ...ports, logs: { ...ports.logs, archive } }, "logs");
  expect(logs).toMatch(/^warn: .*enable R2.* → switch R2 on in the dashboard/);
});

test("a Worker that is slow at first is looked at again, one that never reads KV fails", async () => {
  const { qa: probe } = portsOf();
  const shows = (slow: number): Ports => {
    let looks = 0;
    const look: Ports["qa"]["look"] = async (...given) => {
      const seen = await probe.look(...given);
      looks += 1;
      if (seen.qa === null || looks > slow) return seen;
      return { ...seen, qa: { ...seen.qa, canary: { ...seen.qa.canary, source: "none" } } };
    };
    return { ...portsOf(), qa: { ...probe, look } };
  };
  const { sightings } = await examine(shows(3), signal);
  expect(sightings.map(({ qa }) => qa?.canary.source)).toEqual(["kv"]);
  const { checks } = await examine(shows(Number.POSITIVE_INFINITY), signal);
  expect(checks.filter(({ detail }) => detail.startsWith("state from none"))).toHaveLength(1);
});

test.each([
  [
    ["beacon"],
    ["warn: EMERGENCY by the beacon alone: KV does not hold this stop → pixcanary status"],
  ],
  [["kv", "beacon"], []],
] as const)("an emergency of %s, with none stored", async (carriers, said) => {
  const { qa: probe } = portsOf();
  const [url = ""] = probe.urls;
  const { qa } = await probe.look(url, { signal });
  if (qa === null) throw new Error("no /qa");
  const nobody = { at: null, by: null, reason: null };
  const emergency = {
    key: "stop" as const,
    id: "A",
    mark: "A",
    ...nobody,
    carriers: [...carriers],
  };
  const ports = portsOf({ sighting: { qa: { ...qa, emergencies: [emergency] } } });
  const { checks } = await examine(ports, signal);
  const found = checks.filter(({ result, name }) => name.startsWith("/qa ") && result === "warn");
  expect(found.map(({ detail, fix }) => `warn: ${detail} → ${fix}`)).toEqual(
    said.map((text) => expect.stringContaining(text)),
  );
});

test("what is to be typed is safe to type, whatever the configuration says", async () => {
  for (const problem of ["(DNS)", "no TLS", "no complete answer"]) {
    const ports = portsOf({
      sighting: { url: "https://$(id).example/qa;id", status: null, problem, qa: null },
    });
    const { checks } = await examine(ports, signal);
    const [fix = ""] = checks.flatMap((one) => (one.detail === problem ? [one.fix ?? ""] : []));
    expect(fix.replace(/'[^']*'/g, "")).not.toMatch(/\$\(|;/);
  }
});

test("--timeout is the limit of its looks", async () => {
  const ports = portsOf();
  const limits: number[] = [];
  const timeout = (ms: number): AbortSignal => {
    limits.push(ms);
    return signal;
  };
  const given = { notify: false, deep: false, timeoutMs: 20_000 };
  await examine({ ...ports, clock: { ...ports.clock, timeout } }, signal, given);
  expect(limits).toContain(20_000);
  expect(limits).not.toContain(4_000);
});

test("an API that answers with an error is no missing network", async () => {
  const failing = async () => {
    throw new UpstreamError("unavailable", "HTTP 503", { status: 503 });
  };
  const ports = account({ token: failing, namespace: failing });
  const { checks } = await examine(
    {
      ...ports,
      store: { ...ports.store, read: failing },
      qa: {
        ...ports.qa,
        look: async (...given) => ({
          ...(await ports.qa.look(...given)),
          status: null,
          qa: null,
          problem: "connection refused",
        }),
      },
    },
    signal,
  );
  const bad = checks.filter(({ result }) => result === "fail").map(({ name }) => name);
  expect(bad).toContain("API");
  expect(bad).not.toContain("network");
});
