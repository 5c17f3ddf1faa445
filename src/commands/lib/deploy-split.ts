/** Deploys these versions; after a lost answer looks whether that has happened. */
import { isSameSplit, type Share } from "../../domain/ladder/proxy-only.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Deployments } from "../../ports/ladder.ts";
import { SecretsChanged } from "../../ports/ladder.ts";

/** Throws UpstreamError, SecretsChanged among them, where the account does not show it either. */
export async function deploySplit(
  deployments: Deployments,
  split: readonly Share[],
  options: CallOptions & { message: string; force?: boolean },
): Promise<void> {
  try {
    await deployments.deploy(split, options);
  } catch (error) {
    if (error instanceof SecretsChanged) throw error;
    const [newest] = await deployments.list(options).catch(() => []);
    if (newest === undefined || !isSameSplit(newest.split, split)) throw error;
  }
}
