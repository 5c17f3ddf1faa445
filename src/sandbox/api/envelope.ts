/** Cloudflare's answer format: `{success, errors, messages, result}`. */
export interface ResultInfo {
  [name: string]: unknown;
}

/** Codes that the real API is known to use; clients decide by HTTP status first. */
export const CODES = {
  authentication: 10000,
  keyNotFound: 10009,
  namespaceNotFound: 10013,
  namespaceExists: 10014,
  badRequest: 10019,
  invalidHeaders: 6003,
  missingHeaders: 9106,
  invalidToken: 1000,
  otherAddress: 9109,
  notYours: 9109,
  noRoute: 7003,
  throttled: 971,
  internal: 10001,
  bucketExists: 10004,
  bucketName: 10005,
  bucketNotFound: 10006,
  objectNotFound: 10007,
  scriptNotFound: 10007,
  tooManyTails: 10019,
  invalidSecret: 10021,
  invalidScript: 10021,
  noBoundNamespace: 10041,
  noBoundBucket: 10085,
  invalidJob: 1002,
  jobNotFound: 1003,
  secretsChanged: 10220,
  newestNotDeployed: 10215,
  notDeployable: 10021,
  routeExists: 10020,
  routeNotFound: 10009,
  noZone: 7003,
} as const;

export function ok(result: unknown, resultInfo?: ResultInfo): Response {
  const body = { success: true, errors: [], messages: [], result };
  return Response.json(resultInfo === undefined ? body : { ...body, result_info: resultInfo });
}

export function failure(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const body = { success: false, errors: [{ code, message }], messages: [], result: null };
  return Response.json(body, { status, headers });
}
