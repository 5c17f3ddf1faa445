/** One sandbox with all that `doctor` looks at, a server between it and `/qa`, and what a row may break. */

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { vi } from "vitest";
import type { DoctorData } from "../../src/commands/doctor/doctor.ts";
import { type QaDocument, qaSchema } from "../../src/domain/proof/qa-document.ts";
import { PAGES_ORIGIN } from "../../src/sandbox/types.ts";
import { measure } from "../runbook/measured.ts";
import type { CliResult } from "../support/cli.ts";
import { type HereOptions, patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { PATIENCE } from "../support/patience.ts";
import { type Lane, operatorOf, resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What a row changes beyond the sandbox itself. */
export interface Broken {
  /** Of the environment in pixcanary.json. */
  settings?: Record<string, unknown>;
  env?: Record<string, string | undefined>;
  clock?: HereOptions["clock"];
}

const OVERRIDES = "cloudflare-workers-version-overrides";

export class DoctorStage {
  readonly lane: Lane;
  /** Where qaUrls point to. */
  readonly front: string;
  /** What becomes of an answer of `/qa` on its way; the URL that was asked. */
  between: (answer: Answer, url: URL) => Answer = (answer) => answer;
  home = "";
  readonly #server: Server;

  private constructor(lane: Lane, server: Server) {
    this.lane = lane;
    this.#server = server;
    this.front = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<DoctorStage> {
    const lane = await startLane({ locations: ["FRA"], vars: { GUARDIAN: "observe" } });
    await untilReady(lane.sandbox.description);
    await measure(lane.sandbox, "healthy");
    const real = lane.sandbox.description.locations[0]?.url;
    const server = createServer((request, response) => {
      const { authorization = "", [OVERRIDES]: overrides } = request.headers;
      const asked = new URL(request.url ?? "", real);
      const pass = async (): Promise<void> => {
        const version = overrides === undefined ? {} : { [OVERRIDES]: String(overrides) };
        const headers = { authorization, ...version };
        const answer = await fetch(asked, { headers, redirect: "manual" });
        const found = {
          status: answer.status,
          headers: Object.fromEntries(answer.headers),
          body: await answer.text(),
        };
        const { status, headers: told, body } = stage.between(found, asked);
        delete told["content-length"];
        delete told["content-encoding"];
        delete told["transfer-encoding"];
        response.writeHead(status, told).end(body);
      };
      pass().catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const stage = new DoctorStage(lane, server);
    return stage;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.lane.close();
  }

  get control(): Lane["sandbox"]["control"] {
    return this.lane.sandbox.control;
  }

  put(key: string, document: unknown): void {
    this.control.store.put(key, typeof document === "string" ? document : JSON.stringify(document));
  }

  /** The document of every answer, changed. */
  edit(change: (document: QaDocument) => void): void {
    this.between = (answer) => {
      const document = qaSchema().parse(JSON.parse(answer.body));
      change(document);
      return { ...answer, body: JSON.stringify(document) };
    };
  }

  answer(status: number, body: string, headers: Record<string, string> = {}): void {
    this.between = () => ({ status, headers: { "content-type": "text/html", ...headers }, body });
  }

  /** Nothing is wrong: the Worker's cron has just run, the log job delivers, no change owes anything. */
  async heal(): Promise<void> {
    const { control, lane } = this;
    this.between = (answer) => answer;
    control.setApi({ limits: { requests: false, budget: 1_200 }, resetLimits: true });
    for (const key of [
      "ramp",
      "ramp-control",
      "ramp-share",
      "guardian",
      "guardian-arm",
      "guardian-cap",
    ])
      control.store.delete(key);
    await resetLane(lane);
    await control.runScheduled("FRA");
    await rm(this.home, { recursive: true, force: true });
    this.home = await mkdtemp(join(lane.dir, "home-"));
  }

  /** Until `/qa` has found them so: it keeps its pings for 5 s. */
  async untilPinged(native: "healthy" | "failing", proxy: "healthy" | "failing"): Promise<void> {
    const { locations, qaToken } = this.lane.sandbox.description;
    await vi.waitFor(async () => {
      const headers = { authorization: `Bearer ${qaToken}` };
      const answer = await fetch(`${locations[0]?.url}/qa`, { headers });
      const { health } = qaSchema().parse(await answer.json());
      if (health.native.status !== native || health.proxy.status !== proxy) throw new Error("wait");
    }, PATIENCE);
  }

  async run(
    words: readonly string[],
    { settings = {}, env = {}, clock }: Broken = {},
  ): Promise<CliResult> {
    const { sandbox } = this.lane;
    const { logsBucket, mediaBucket } = sandbox.description;
    const config = await writeConfig(this.lane, {
      qaUrls: [`${this.front}/qa`],
      dataset: "canary_requests",
      pagesOrigin: PAGES_ORIGIN,
      logsBucket,
      logsPrefix: "b2a/",
      mediaBucket,
      operator: await operatorOf(sandbox),
      ...settings,
    });
    const all = { ...this.lane.env, HOME: this.home, XDG_STATE_HOME: join(this.home, "state") };
    const given = Object.entries({ ...all, ...tokenEnv(sandbox), ...env });
    return runHere([...words, "--config", config], {
      cwd: this.home,
      env: Object.fromEntries(given.flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))),
      clock: clock ?? patientClock(),
    });
  }

  async doctor(
    broken: Broken = {},
  ): Promise<CliResult & { checks: DoctorData["checks"]; next: string }> {
    const result = await this.run(["doctor", "--json"], broken);
    const { checks = [], next = "" } = JSON.parse(result.stdout) as {
      checks?: DoctorData["checks"];
      next?: string;
    };
    return { ...result, checks, next };
  }
}
