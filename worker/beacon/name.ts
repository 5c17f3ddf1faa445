/** The name of the one object. */
export const BEACON_NAME = "canary";
