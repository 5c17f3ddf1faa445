/**
 * Cloudflare Access in front of the dashboard: it signs who was let in, and the Worker checks that, as Access itself
 * can be passed by whoever knows another hostname of the Worker.
 * Source: developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json
 */
import { createRemoteJWKSet, jwtVerify } from "jose";

const HEADER = "cf-access-jwt-assertion";
const KEYS_LIMIT_MS = 3_000;

export interface AccessSettings {
  /** `https://<team>.cloudflareaccess.com`: whose keys count, and who must have issued it. */
  team: string;
  /** The application's audience tag. */
  audience: string;
}

export interface Access {
  /** Whether Access vouches for this request. Never throws; without settings it vouches for none. */
  admits(request: Request): Promise<boolean>;
}

export function createAccess(settings: AccessSettings | null): Access {
  if (settings === null) return { admits: async () => false };
  const { team, audience } = settings;
  const keys = createRemoteJWKSet(new URL(`${team}/cdn-cgi/access/certs`), {
    timeoutDuration: KEYS_LIMIT_MS,
  });
  return {
    async admits(request) {
      const token = request.headers.get(HEADER);
      if (token === null) return false;
      try {
        await jwtVerify(token, keys, {
          issuer: team,
          audience,
          algorithms: ["RS256", "ES256"],
          requiredClaims: ["exp"],
        });
        return true;
      } catch {
        return false;
      }
    },
  };
}
