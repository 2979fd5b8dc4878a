/** No `i`, `l`, `o`, `0` and `1`, which people mistake for one another. */
export const CHALLENGE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
export const CHALLENGE_CHARACTERS = 8;
/** Of sessions of which nobody is told a challenge, where the application allows that. */
export const FAKE_CHALLENGE = "aaaaaaaa";
export const CHALLENGE_MARK = "$$CHALLENGE$$";
export const SESSION_MS = 6 * 3_600_000;
/** The last wrong try ends the session. */
export const MAX_TRIES = 5;
