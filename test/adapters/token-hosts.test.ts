import { execa } from "execa";
import { describe, expect, it } from "vitest";
import type { Send } from "../../src/adapters/http.ts";
import { createQaProbe } from "../../src/adapters/qa-client.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import { createVisitorHttp } from "../../src/adapters/visitor-http.ts";
import {
  allowCommand,
  mayGetToken,
  NO_HOSTS,
  parseHosts,
  strangersIn,
} from "../../src/domain/config/token-hosts.ts";

describe("a token may go to", () => {
  it.each([
    ["https://api.cloudflare.com/client/v4", true],
    ["http://127.0.0.1:8787/qa", true],
    ["http://localhost/qa", true],
    ["http://[::1]:1/qa", true],
    ["https://api.pix.immo/qa", true],
    ["https://API.PIX.immo:8443/qa", true],
    ["https://api.pix.immo.evil.example/qa", false],
    ["https://evil.example/api.pix.immo", false],
    ["https://xapi.pix.immo/qa", false],
    ["https://api.cloudflare.com.evil.example/", false],
    ["https://127.0.0.1.evil.example/", false],
    ["https://localhost.evil.example/", false],
    ["https://0.0.0.0/", false],
    ["https://api.pix.immo@evil.example/", false],
    ["https://evil.example\\@api.pix.immo/", false],
    ["not a url", false],
    ["", false],
  ])("%s: %s", (url, may) => {
    expect(mayGetToken(url, new Set(parseHosts("# ours\napi.pix.immo")))).toBe(may);
  });

  it("hosts that are named in any of the usual ways", () => {
    const text = "a.example, B.example # c.example\nhttps://d.example:1/qa\r\nx y\\z [::2] -";
    expect(parseHosts(text)).toEqual(["a.example", "b.example", "d.example", "x", "[::2]", "-"]);
    expect(parseHosts("")).toEqual([]);
  });

  it("hosts after the command that is shown, whatever their names", async () => {
    const command = allowCommand(["a.example", "[::2]"], "/nowhere/a b'c/allowed-hosts");
    const { stdout } = await execa("sh", [
      "-c",
      command.replace(/mkdir.*&& /, "").replace(/>>.*\)/, ")"),
    ]);
    expect(stdout).toBe("a.example\n[::2]");
    expect(command).toContain("'/nowhere/a b'\\''c/allowed-hosts'");
    expect(strangersIn(["https://a.example/1", "https://a.example/2"], NO_HOSTS)).toEqual([
      "a.example",
    ]);
  });
});

describe("the /qa token on its way", () => {
  const token = new Secret("qa-secret", "test");
  const url = "https://api.pix.immo/qa";
  const clock = { now: () => 0, monotonic: () => 0, timeout: () => new AbortController().signal };
  const { signal } = new AbortController();

  async function sentWith(allowed: ReadonlySet<string> | undefined): Promise<(string | null)[]> {
    const seen: (string | null)[] = [];
    const send: Send = async ({ headers }) => {
      seen.push(headers.authorization ?? null);
      throw new Error("not sent");
    };
    const own = { send, ...(allowed === undefined ? {} : { allowed }) };
    await createQaProbe({ urls: [url], token, clock, ...own }).look(url, { signal });
    const visitor = createVisitorHttp({ qaUrls: [url], token, clock, ...own });
    await expect(visitor.send({ method: "GET", url, qaToken: true }, { signal })).rejects.toThrow();
    return seen;
  }

  it("goes to a host that is allowed", async () => {
    expect(await sentWith(new Set(["api.pix.immo"]))).toEqual(Array(2).fill("Bearer qa-secret"));
  });
  it.each([undefined, NO_HOSTS, new Set(["pix.immo"])])(
    "is kept from any other",
    async (allowed) => {
      expect(await sentWith(allowed)).toEqual([null, null]);
    },
  );
});
