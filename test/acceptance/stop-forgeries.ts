/** Signed stops that must not be taken: valid ones that were changed, and what was never valid. */
import type { StopMessage } from "../../src/domain/signed-stop/message.ts";
import { bodyOf, signedBytes } from "../../src/domain/signed-stop/message.ts";
import type { Random } from "../../src/sandbox/random.ts";

export interface Sent {
  name: string;
  signature: string;
  body: Uint8Array<ArrayBuffer>;
}

/** What a forger has: a stop that is valid now, a key of his own, and (of a thief, or a wrong clock) the right key. */
export interface Material {
  valid: Sent;
  message: StopMessage;
  nowMs: number;
  random: Random;
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  signWrong(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
}

type Forge = (material: Material) => Sent | Promise<Sent>;

const encode = (value: unknown) => new Uint8Array(new TextEncoder().encode(JSON.stringify(value)));
const below = (random: Random, limit: number): number => Math.floor(random.next() * limit);
function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[below(random, from.length)];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}

function flipped(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  const at = below(random, copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
}

function noise(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => below(random, 256));
}

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const bytesIn = (text: string) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** The order of the group, little-endian: adding it to a signature's scalar makes a second one, if nobody looks. */
const ORDER = bytesIn("7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA=");

function secondScalar(signature: string): string {
  const bytes = bytesIn(signature);
  let carry = 0;
  for (let at = 0; at < 32; at += 1) {
    const sum = (bytes[32 + at] ?? 0) + (ORDER[at] ?? 0) + carry;
    bytes[32 + at] = sum & 0xff;
    carry = sum >> 8;
  }
  return base64(bytes);
}

/** Signed by the operator, and all the same nothing to take. */
const signed =
  (change: (material: Material) => Uint8Array<ArrayBuffer>): Forge =>
  async (material) => {
    const body = change(material);
    return { ...material.valid, body, signature: await material.sign(signedBytes(body)) };
  };

const ODD_FIELDS: readonly object[] = [
  { v: 2 },
  { v: "1" },
  { active: false },
  { releases: { id: "01JCQZ5E7M3V9X2K8R4T6W0A1B" } },
  { canary_percent: 100 },
  { by: "eve" },
  { id: "01jcqz5e7m3v9x2k8r4t6w0a1b" },
  { id: "../../config" },
  { id: null },
  { at: "yesterday" },
  { sent_at: 1 },
  { reason: 5 },
  { reason: "r".repeat(501) },
  { environment: "" },
  { environment: undefined },
  { reason: undefined },
];
const ODD_TEXTS = ["", "null", "[]", "{}", "1", '{"v":1}', "\ufeff{}", '{"__proto__":{"v":1}}'];
const NAMES = ["bo", "eve", "", "Anna", "an na", "__proto__", "constructor", "a".repeat(65)];

export const FORGERIES: Readonly<Record<string, Forge>> = {
  "bit flip in the body": ({ valid, random }) => ({ ...valid, body: flipped(valid.body, random) }),
  "bit flip in the signature": ({ valid, random }) => ({
    ...valid,
    signature: base64(flipped(bytesIn(valid.signature), random)),
  }),
  "cut off": ({ valid, random }) => ({
    ...valid,
    body: valid.body.slice(0, below(random, valid.body.length)),
  }),
  "something behind": ({ valid, random }) => ({
    ...valid,
    body: new Uint8Array([...valid.body, ...noise(random, 1 + below(random, 20))]),
  }),
  "another name": ({ valid, random }) => ({ ...valid, name: pick(random, NAMES) }),
  "wrong key": async ({ valid, signWrong }) => ({
    ...valid,
    signature: await signWrong(signedBytes(valid.body)),
  }),
  "no context": async ({ valid, sign }) => ({ ...valid, signature: await sign(valid.body) }),
  "second spelling": ({ valid, random }) => {
    const { signature } = valid;
    const spellings = [
      signature.replace(/=+$/, ""),
      `${signature}=`,
      `${signature.slice(0, -3)}${String.fromCharCode(signature.charCodeAt(85) + 1)}==`,
      signature.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""),
      `${signature.slice(0, 40)} ${signature.slice(40)}`,
    ];
    return { ...valid, signature: pick(random, spellings) };
  },
  "second scalar": ({ valid }) => ({ ...valid, signature: secondScalar(valid.signature) }),
  "no signature": ({ valid, random }) => ({
    ...valid,
    signature: pick(random, ["", base64(new Uint8Array(64)), base64(noise(random, 64)), "none"]),
  }),
  noise: ({ random }) => ({
    name: "anna",
    signature: base64(noise(random, 64)),
    body: noise(random, below(random, 2_048)),
  }),
  "too long": signed(({ random }) => new Uint8Array(2_049 + below(random, 500)).fill(0x20)),
  expired: signed(({ message, nowMs, random }) => {
    const offMs = (random.next() < 0.5 ? -1 : 1) * random.between(120_001, 40 * 86_400_000);
    return bodyOf({ ...message, sent_at: new Date(nowMs + offMs).toISOString() });
  }),
  "of another day": signed(({ message, nowMs, random }) => {
    const offMs = (random.next() < 0.5 ? -1 : 1) * random.between(86_400_001, 4_000 * 86_400_000);
    return bodyOf({ ...message, at: new Date(nowMs + offMs).toISOString() });
  }),
  "other environment": signed(({ message, random }) =>
    bodyOf({ ...message, environment: pick(random, ["production", "Staging", "staging "]) }),
  ),
  "odd field": signed(({ message, random }) => encode({ ...message, ...pick(random, ODD_FIELDS) })),
  "odd text": signed(
    ({ random }) => new Uint8Array(new TextEncoder().encode(pick(random, ODD_TEXTS))),
  ),
  // Its stop was released: the caller sees to that.
  replay: ({ valid }) => valid,
};
