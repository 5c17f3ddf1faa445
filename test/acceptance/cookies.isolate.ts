/** Runs in workerd: verifies forged cookies by the million, and rotates keys under sessions. */
import { COHORT_COOKIE } from "../../src/domain/decision/cookie.ts";
import { cookieCandidates } from "../../src/domain/decision/cookie-header.ts";
import type { Cohort } from "../../src/domain/decision/decide.ts";
import { isStale } from "../../src/domain/decision/stale-cookie.ts";
import type { Random } from "../../src/sandbox/random.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import type { CookieKey } from "../../worker/cookie-signer.ts";
import { createCookieSigner } from "../../worker/cookie-signer.ts";
import { fromBase64, importHmacKey, utf8Bytes } from "../../worker/hmac.ts";
import type { Forgery } from "./cookie-mutations.ts";
import { forgery } from "./cookie-mutations.ts";
import { programOf } from "./program.ts";

export type CookieOrder =
  | { kind: "forge"; verifier: Verifier; seed: number; count: number; nowMs: number }
  /** The same forgeries, made but not verified: what making them costs. */
  | { kind: "make"; seed: number; count: number; nowMs: number }
  | { kind: "rotate"; seed: number; sessions: number; nowMs: number; lossy: boolean };

export type Verifier = "real" | "no-canonical-form" | "no-verification";

export interface ForgeResult {
  tried: number;
  accepted: number;
  threw: number;
  /** Valid cookies in between, which have to be accepted. */
  validRefused: number;
  /** By kind of forgery: how many were accepted. */
  acceptedByKind: Record<string, number>;
  firstAccepted: Forgery | null;
}

export interface RotateResult {
  sessions: number;
  changesWhileListed: number;
  errors: number;
  /** After the old key has gone. */
  drawnAnew: number;
  keptAfterRetiring: number;
}

const TAG = "B2a";
const key = (id: string, byte: number): CookieKey => ({
  id,
  secret: new Uint8Array(32).fill(byte),
});
const K1 = key("k1", 1);
const K2 = key("k2", 2);

type Read = (header: string) => Promise<Cohort | null>;

async function valueSignedBy(keys: CookieKey[], cohort: Cohort, nowMs: number): Promise<string> {
  const header = (await createCookieSigner(keys).sign(cohort, TAG, nowMs)) ?? "";
  return header.slice(header.indexOf("=") + 1, header.indexOf(";"));
}

function validValues(nowMs: number): Promise<string[]> {
  return Promise.all([
    valueSignedBy([K1], "native", nowMs),
    valueSignedBy([K1], "proxy", nowMs),
    valueSignedBy([K2], "native", nowMs - 3_600_000),
    valueSignedBy([K2], "proxy", nowMs - 86_000_000),
  ]);
}

function reader(verifier: Verifier, nowMs: number): Read {
  if (verifier === "no-canonical-form") return lenientReader(nowMs);
  if (verifier === "no-verification") return async (header) => unverified(header, nowMs);
  const signer = createCookieSigner([K1, K2]);
  return (header) => signer.read(header, TAG, nowMs);
}

/** Broken on purpose: decodes whatever looks like base64. */
function lenientReader(nowMs: number): Read {
  const keys = new Map([K1, K2].map((each) => [each.id, importHmacKey(each.secret)]));
  return async (header) => {
    for (const value of cookieCandidates(header)) {
      const [version, cohort, tag = "", issuedAt, keyId = "", signature = ""] = value.split(".");
      const secret = await keys.get(keyId);
      const text = signature.replace(/[^\w-]+$/, "").slice(0, 43);
      const bytes = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
      if (secret === undefined || bytes === null) continue;
      const payload = utf8Bytes([version, cohort, tag, issuedAt, keyId].join("."));
      if (!(await crypto.subtle.verify("HMAC", secret, bytes, payload.slice()))) continue;
      const cookie = { cohort: "native", tag, issuedAtS: Number(issuedAt), keyId } as const;
      if (!isStale(cookie, TAG, nowMs)) return cohort === "n" ? "native" : "proxy";
    }
    return null;
  };
}

/** Broken on purpose: believes what it reads. */
function unverified(header: string, nowMs: number): Cohort | null {
  for (const value of cookieCandidates(header)) {
    const [, cohort, tag = "", issuedAt, keyId = ""] = value.split(".");
    const cookie = { cohort: "native", tag, issuedAtS: Number(issuedAt), keyId } as const;
    if (!isStale(cookie, TAG, nowMs)) return cohort === "n" ? "native" : "proxy";
  }
  return null;
}

async function forge(order: CookieOrder & { kind: "forge" }): Promise<ForgeResult> {
  const material = { valid: await validValues(order.nowMs), random: seededRandom(order.seed) };
  const read = reader(order.verifier, order.nowMs);
  const result: ForgeResult = {
    tried: 0,
    accepted: 0,
    threw: 0,
    validRefused: 0,
    acceptedByKind: {},
    firstAccepted: null,
  };
  for (let at = 0; at < order.count; at += 1) {
    const forged = forgery(at, material);
    result.tried += 1;
    try {
      if ((await read(forged.header)) !== null) {
        result.accepted += 1;
        result.acceptedByKind[forged.kind] = (result.acceptedByKind[forged.kind] ?? 0) + 1;
        result.firstAccepted ??= forged;
      }
      const valid = material.valid[at % material.valid.length];
      const control = at % 1_000 === 0 ? await read(`${COHORT_COOKIE}=${valid}`) : "native";
      if (control === null) result.validRefused += 1;
    } catch {
      result.threw += 1;
    }
  }
  return result;
}

async function make(order: CookieOrder & { kind: "make" }): Promise<{ characters: number }> {
  const material = { valid: await validValues(order.nowMs), random: seededRandom(order.seed) };
  let characters = 0;
  for (let at = 0; at < order.count; at += 1) characters += forgery(at, material).header.length;
  return { characters };
}

interface Session {
  header: string;
  cohort: Cohort;
}

async function visit(
  signer: ReturnType<typeof createCookieSigner>,
  session: Session | null,
  at: { nowMs: number; random: Random },
): Promise<Session> {
  const cohort = session === null ? null : await signer.read(session.header, TAG, at.nowMs);
  if (session !== null && cohort !== null) return { ...session, cohort };
  const drawn: Cohort = at.random.next() < 0.5 ? "native" : "proxy";
  const cookie = (await signer.sign(drawn, TAG, at.nowMs)) ?? "";
  return { header: cookie.slice(0, cookie.indexOf(";")), cohort: drawn };
}

/** Add → sign → retire. A session whose header changed was drawn anew. */
async function rotate(order: CookieOrder & { kind: "rotate" }): Promise<RotateResult> {
  const random = seededRandom(order.seed);
  const listed = [[K1], [K1, K2], [K2, K1]].map(createCookieSigner);
  // Broken on purpose: the step that lists both keys is left out.
  const steps = order.lossy ? [[K1], [K2]].map(createCookieSigner) : listed;
  const retired = createCookieSigner([K2]);
  const result = { changesWhileListed: 0, errors: 0, drawnAnew: 0, keptAfterRetiring: 0 };
  for (let n = 0; n < order.sessions; n += 1) {
    let nowMs = order.nowMs;
    // Some come for the first time when the new key already signs.
    const first = n % 4 === 3 ? steps.length - 1 : 0;
    let session: Session | null = null;
    try {
      for (const signer of steps.slice(first)) {
        nowMs += 3_600_000;
        const next: Session = await visit(signer, session, { nowMs, random });
        if (session !== null && next.header !== session.header) result.changesWhileListed += 1;
        session = next;
      }
      const last = await visit(retired, session, { nowMs: nowMs + 3_600_000, random });
      if (last.header === session?.header) result.keptAfterRetiring += 1;
      else result.drawnAnew += 1;
    } catch {
      result.errors += 1;
    }
  }
  return { sessions: order.sessions, ...result };
}

export default programOf((order: CookieOrder): Promise<unknown> => {
  if (order.kind === "forge") return forge(order);
  return order.kind === "make" ? make(order) : rotate(order);
});
