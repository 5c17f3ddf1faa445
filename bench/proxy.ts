/** What the Worker costs a proxied visitor: against a bare proxy Worker, both in raw workerd. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COHORT_COOKIE, cookiePayload } from "../src/domain/decision/cookie.ts";
import { offerLoad } from "./load.ts";
import { alternate, type Goal, median, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 9;

const BARE = `
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    return fetch(new Request(env.ORIGIN_URL + url.pathname + url.search, request));
  },
};`;

/** KV as its binding asks for it, and a place for the metric points: both inside the same process. */
const ENTRY = `
import worker from "./worker.js";
const config = JSON.stringify({ canary_percent: 10, canary_tag: "B2a", emergency_proxy: false, last_updated: "2025-11-15T10:30:00Z" });
const KV_CANARY_CONFIG = { async get() { return new Map([["config", config], ["stop", null]]); } };
const METRICS = { writeDataPoint() {} };
let full;
export { Beacon, CachedBeacon } from "./worker.js";
export default {
  fetch(request, env, context) {
    full ??= { ...env, KV_CANARY_CONFIG, METRICS };
    return worker.fetch(request, full, context);
  },
};`;

export async function benchProxy(): Promise<Goal[]> {
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  const origin = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const key = randomBytes(32);
  const children: ChildProcess[] = [];
  try {
    await writeFile(join(scratch, "bare.js"), BARE);
    await writeFile(join(scratch, "entry.js"), ENTRY);
    await writeFile(join(scratch, "worker.js"), await readFile(join(ROOT, "dist/worker/index.js")));
    const bare = await serve(scratch, "bare", ["bare.js"], originUrl, key, children);
    const modules = ["entry.js", "worker.js"];
    const ours = await serve(scratch, "ours", modules, originUrl, key, children);
    const withBeacon = await serve(scratch, "beacon", modules, originUrl, key, children);
    return await compare({ bare, ours, withBeacon }, cookieFor(key));
  } finally {
    for (const child of children) child.kill();
    origin.closeAllConnections();
    origin.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compare(
  { bare, ours, withBeacon }: Record<"bare" | "ours" | "withBeacon", string>,
  cookie: string,
): Promise<Goal[]> {
  const path = "/api/listings?page=1";
  for (const url of [ours, withBeacon]) {
    const probe = await fetch(url + path, { headers: { cookie } });
    const decision = probe.headers.get("x-pix-canary");
    if (!decision?.includes("cohort=proxy;reason=cookie")) {
      throw new Error(`the cookie does not decide: ${probe.status} ${decision}`);
    }
  }
  const results = await alternate(
    [
      { name: "bare", measure: () => offerLoad(bare + path, cookie) },
      { name: "ours", measure: () => offerLoad(ours + path, cookie) },
      { name: "beacon", measure: () => offerLoad(withBeacon + path, cookie) },
    ],
    ROUNDS,
  );
  const of = (name: string) => results.get(name) ?? [];
  console.log(`  bare proxy Worker    ${spread(of("bare"), "requests/s")}`);
  console.log(`  the canary Worker    ${spread(of("ours"), "requests/s")}`);
  console.log(`  with the beacon      ${spread(of("beacon"), "requests/s")}`);
  const value = median(of("ours")) / median(of("bare"));
  const beacon = median(of("beacon")) / median(of("ours"));
  return [
    { what: "sticky proxying / bare proxy Worker, throughput", value, reach: { least: 0.9 } },
    { what: "with the beacon / without, throughput", value: beacon, reach: { least: 0.97 } },
  ];
}

function cookieFor(key: Buffer): string {
  const issuedAtS = Math.floor(Date.now() / 1000);
  const payload = cookiePayload({ cohort: "proxy", tag: "B2a", issuedAtS, keyId: "k1" });
  const signature = createHmac("sha256", key).update(payload).digest("base64url");
  return `${COHORT_COOKIE}=${payload}.${signature}`;
}

/** Starts `workerd serve` and resolves with its address once it listens. */
async function serve(
  folder: string,
  name: string,
  modules: string[],
  originUrl: string,
  key: Buffer,
  children: ChildProcess[],
): Promise<string> {
  const port = await freePort();
  const file = join(folder, `${name}.capnp`);
  await writeFile(file, configuration(name, modules, port, originUrl, key));
  const child = spawn(workerd(), ["serve", file], { cwd: folder, stdio: "ignore" });
  children.push(child);
  await listening(port);
  return `http://127.0.0.1:${port}`;
}

/** `beacon`: as wrangler.jsonc binds it; without it the Worker has none. */
function configuration(
  name: string,
  modules: string[],
  port: number,
  originUrl: string,
  key: Buffer,
): string {
  const text = (name: string, value: string) =>
    `(name = "${name}", text = ${JSON.stringify(value)})`;
  const bindings = [
    text("ENVIRONMENT", "staging"),
    text("ORIGIN_URL", originUrl),
    text("CANARY_OVERRIDE", "off"),
    text("FEATURE_QA_GUARD", "true"),
    text("QA_TOKEN", "bench".repeat(8)),
    text("URL_SIGNING_KEY", "0".repeat(32)),
    text("COOKIE_KEYS", JSON.stringify({ k1: key.toString("base64") })),
    ...(name === "beacon" ? ['(name = "BEACON", durableObjectNamespace = "Beacon")'] : []),
  ];
  const objects =
    name === "bare"
      ? ""
      : `durableObjectNamespaces = [(className = "Beacon", uniqueKey = "beacon", enableSql = true)],
      durableObjectStorage = (inMemory = void),`;
  const embedded = modules.map((m) => `(name = "${m}", esModule = embed "${m}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${embedded.join(", ")}],
      compatibilityDate = "2026-07-01",
      compatibilityFlags = ["nodejs_compat"],
      bindings = [${bindings.join(", ")}],
      ${objects}
    )),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);`;
}

function workerd(): string {
  const require = createRequire(import.meta.url);
  const module = require("workerd") as { default?: string };
  if (typeof module.default !== "string")
    throw new Error("workerd does not say where its binary is");
  return module.default;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function listening(port: number): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (Date.now() < deadlineMs) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, "127.0.0.1");
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`workerd does not listen on ${port}`);
}
