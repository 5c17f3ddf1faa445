/** What it takes to tell an operator's stop from any other request. */
import type { Signatures } from "./signatures.ts";

export interface StopDoor {
  signatures: Signatures;
  /** As signed stops have to name it. */
  environment: string;
  now(): number;
}
