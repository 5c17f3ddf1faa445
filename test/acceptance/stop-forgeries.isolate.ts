/** Runs in workerd: the real bundle is sent forged stops, and a valid one now and then. */
import type { StopMessage } from "../../src/domain/signed-stop/message.ts";
import {
  bodyOf,
  OPERATOR_HEADER,
  SIGNATURE_HEADER,
  signedBytes,
} from "../../src/domain/signed-stop/message.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { programOf } from "./program.ts";
import { FORGERIES, type Material, type Sent } from "./stop-forgeries.ts";

export interface ForgeryOrder {
  seed: number;
  count: number;
  nowMs: number;
}

export interface ForgeryResult {
  tried: number;
  /** A write of any key to KV, or an answer that is no refusal. */
  accepted: number;
  serverErrors: number;
  valid: number;
  /** Valid ones that were not taken. */
  validRefused: number;
  statuses: Record<string, number>;
  firstWrong: string | null;
}

interface WorkerModule {
  default: {
    fetch(request: Request, env: unknown, context: unknown): Response | Promise<Response>;
  };
}

/** So many forgeries are made of one valid stop. */
const PER_VALID = 100;
const ULID_CHARS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALGORITHM = { name: "Ed25519" };

const kv = {
  stop: null as string | null,
  writes: 0,
  async get(): Promise<string | null> {
    return kv.stop;
  },
  async put(key: string, text: string): Promise<void> {
    kv.writes += 1;
    if (key === "stop") kv.stop = text;
  },
};

/** As `restore` does: it names the stop. */
function release(id: string): void {
  kv.stop = JSON.stringify({ active: false, releases: { id, stops: [{ id }] } });
}

async function keyPair() {
  const made = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { privateKey, publicKey } = made as unknown as Record<
    "privateKey" | "publicKey",
    Parameters<typeof crypto.subtle.sign>[1]
  >;
  const raw = new Uint8Array((await crypto.subtle.exportKey("raw", publicKey)) as ArrayBuffer);
  const sign = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
    btoa(
      String.fromCharCode(
        ...new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, bytes)),
      ),
    );
  return { sign, publicKey: btoa(String.fromCharCode(...raw)) };
}

let address = 0;
const context = { waitUntil: () => undefined };
let ready: Promise<{ anna: Awaited<ReturnType<typeof keyPair>>; env: object }> | null = null;
async function prepare() {
  const [anna, bo] = await Promise.all([keyPair(), keyPair()]);
  const keys = { anna: anna.publicKey, bo: bo.publicKey };
  const OPERATOR_KEYS = JSON.stringify(keys);
  return { anna, env: { ENVIRONMENT: "staging", OPERATOR_KEYS, KV_CANARY_CONFIG: kv } };
}

async function run({ seed, count, nowMs }: ForgeryOrder): Promise<ForgeryResult> {
  Date.now = () => nowMs;
  console.warn = () => undefined;
  ready ??= prepare();
  const { anna, env } = await ready;
  const eve = await keyPair();
  const random = seededRandom(seed);
  const name = "worker-0.js";
  const worker = (await import(name)) as WorkerModule;
  const result: ForgeryResult = {
    tried: 0,
    accepted: 0,
    serverErrors: 0,
    valid: 0,
    validRefused: 0,
    statuses: {},
    firstWrong: null,
  };
  const send = async ({ name: who, signature, body }: Sent): Promise<Response> => {
    // Each from its own: the limits on addresses are not what is tried here.
    address += 1;
    const from = `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`;
    const headers = {
      [OPERATOR_HEADER]: who,
      [SIGNATURE_HEADER]: signature,
      "cf-connecting-ip": from,
    };
    const request = new Request("https://pix.invalid/qa/stop", { method: "POST", headers, body });
    return worker.default.fetch(request, env, context);
  };
  const kinds = Object.entries(FORGERIES);
  while (result.tried < count) {
    const id = `01${Array.from({ length: 24 }, () => ULID_CHARS[Math.floor(random.next() * 32)]).join("")}`;
    const at = new Date(nowMs).toISOString();
    const message: StopMessage = {
      v: 1,
      id,
      at,
      sent_at: at,
      reason: "5xx",
      environment: "staging",
    };
    const body = bodyOf(message);
    const valid = { name: "anna", body, signature: await anna.sign(signedBytes(body)) };
    kv.stop = null;
    result.valid += 1;
    const taken = await send(valid);
    if (taken.status !== 200 || !(kv.stop ?? "").includes(id)) result.validRefused += 1;
    release(id);
    const material: Material = {
      valid,
      message,
      nowMs,
      random,
      sign: anna.sign,
      signWrong: eve.sign,
    };
    for (let nth = 0; nth < PER_VALID && result.tried < count; nth += 1) {
      const [kind, forge] = kinds[result.tried % kinds.length] ?? [];
      if (kind === undefined || forge === undefined) throw new Error("no forgery");
      result.tried += 1;
      const { writes } = kv;
      const answer = await send(await forge(material));
      const text = await answer.text();
      result.statuses[`${kind}: ${answer.status}`] =
        (result.statuses[`${kind}: ${answer.status}`] ?? 0) + 1;
      // To a replay it may say that the stop was released; of anything else nothing must be believed.
      const isTaken = kv.writes !== writes || (kind !== "replay" && answer.status < 400);
      if (isTaken) result.accepted += 1;
      if (answer.status >= 500) result.serverErrors += 1;
      if (isTaken || answer.status >= 500)
        result.firstWrong ??= `${kind}: ${answer.status} ${text}`;
    }
  }
  return result;
}

export default programOf(run);
