/** Every number of the protocol. They are memcached 1.6.45's unless the comment says otherwise. */

/** Longest key. For a base64 key it is the encoded text that is measured. */
export const KEY_BYTES_MAX = 250

/** A line with no end yet may be this long; a get or gets, which takes any number of keys, longer. */
export const SHORT_LINE_BYTES_MAX = 2048

/** No line may be longer. Ours: memcached would let one client make it hold any amount. */
export const LINE_BYTES_MAX = 1024 * 1024

/** Spaces in front of a long `get ` that are still looked past. */
export const LINE_SPACES_MAX = 100

/** A line shorter than this, its end included, is no command. */
export const LINE_BYTES_MIN = 4

/** Words of a line that are looked at; what follows is ignored. */
export const TOKENS_MAX = 23

/** Words of a meta command, name and key included. */
export const META_TOKENS_MAX = 20

/** An opaque token with its letter O. The documentation says 32 without it; 1.6.45 counts it. */
export const OPAQUE_TOKEN_BYTES_MAX = 32

/** Largest length that is read as a length at all. */
export const VALUE_LENGTH_MAX = 2147483645

/** What an item counts besides its key and value: see itemBytesNeeded in text.ts. */
export const ITEM_OVERHEAD_BYTES = 48
export const ITEM_TERMINATOR_BYTES = 3
export const ITEM_CAS_BYTES = 8
export const ITEM_FLAGS_BYTES = 4

/** Before authentication: lengths of the line (without its \n) and of the token. */
export const AUTH_LINE_BYTES_MIN = 6
export const AUTH_TOKEN_BYTES_MAX = 16384
