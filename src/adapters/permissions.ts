/** Which permission of an API token a call needs, as the dashboard names it; SECURITY.md has them by verb. */

/** By part of the path; with two names the second is for what changes something. */
const BY_PATH: readonly (readonly [part: string, read: string, change?: string])[] = [
  ["/storage/kv/", "Workers KV Storage: Read", "Workers KV Storage: Edit"],
  ["/analytics_engine/", "Account Analytics: Read"],
  ["/r2/", "Workers R2 Storage: Read", "Workers R2 Storage: Edit"],
  ["/tails", "Workers Tail: Read"],
  ["/logpush/", "Logs: Edit"],
  ["/workers/scripts/", "Workers Scripts: Read", "Workers Scripts: Edit"],
  ["/workers/routes", "Workers Routes: Read", "Workers Routes: Edit"],
  ["/dns_records", "DNS: Read"],
];

/** Null where a valid token is enough. */
export function permissionFor(method: string, path: string): string | null {
  const [, read, change] = BY_PATH.find(([part]) => path.includes(part)) ?? [];
  const reads = method === "get" || path.endsWith("/bulk/get");
  return (reads ? read : (change ?? read)) ?? null;
}
