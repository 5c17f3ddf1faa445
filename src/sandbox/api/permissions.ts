/** What a token may do, by the names that the real API gives to its permission groups. */

/** What the routes ask for. */
export type Scope =
  | "kv:read"
  | "kv:write"
  | "r2:buckets"
  | "r2:read"
  | "r2:write"
  | "analytics:read"
  | "tail:read"
  /** Of Logpush jobs: to list them takes it, too. */
  | "logs:write"
  | "scripts:read"
  | "scripts:write"
  | "zones:read"
  | "dns:read"
  | "routes:read"
  | "routes:write"
  | "user:read"
  | "memberships:read";

/** The dashboard says Edit for Write; either includes reading. */
const GROUPS = {
  "Workers KV Storage Read": ["kv:read"],
  "Workers KV Storage Write": ["kv:read", "kv:write"],
  "Account Analytics Read": ["analytics:read"],
  "Workers R2 Storage Read": ["r2:buckets", "r2:read"],
  "Workers R2 Storage Write": ["r2:buckets", "r2:read", "r2:write"],
  /** At Cloudflare for named buckets only: objects, but no list of buckets. */
  "Workers R2 Storage Bucket Item Read": ["r2:read"],
  "Workers Tail Read": ["tail:read"],
  "Logs Write": ["logs:write"],
  "Workers Scripts Read": ["scripts:read"],
  "Workers Scripts Write": ["scripts:read", "scripts:write"],
  /** Of zones: any of them lists the zones. */
  "Zone Read": ["zones:read"],
  "DNS Read": ["zones:read", "dns:read"],
  "Workers Routes Read": ["zones:read", "routes:read"],
  "Workers Routes Write": ["zones:read", "routes:read", "routes:write"],
  /** Of a user; a token of an account has neither. */
  "User Details Read": ["user:read"],
  "Memberships Read": ["memberships:read"],
} as const satisfies Record<string, readonly Scope[]>;

export type Permission = keyof typeof GROUPS;

export const PERMISSIONS = Object.keys(GROUPS) as [Permission, ...Permission[]];

export function scopesOf(permissions: readonly Permission[]): ReadonlySet<Scope> {
  return new Set(permissions.flatMap((name): readonly Scope[] => GROUPS[name]));
}
