/** Whose state it is: two accounts may both have an environment of the same name. */
import type { Target } from "../../domain/config/environment.ts";

export interface Owner {
  account_id: string;
  namespace_id: string;
}

export function ownerOf({ accountId, namespaceId }: Target): Owner {
  return { account_id: accountId, namespace_id: namespaceId };
}

export function ownerLines({ account_id, namespace_id }: Owner): string[] {
  return [`  account   ${account_id}`, `  KV        ${namespace_id}`];
}
