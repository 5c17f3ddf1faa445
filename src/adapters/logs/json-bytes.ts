/** The bytes by which JSON is cut into records. */
export const NEWLINE = 0x0a;
export const CARRIAGE_RETURN = 0x0d;
export const OPEN = 0x7b;
export const CLOSE = 0x7d;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
