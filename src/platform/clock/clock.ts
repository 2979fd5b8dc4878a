/** Where the time comes from. Handed out by `main.ts`, so that a test can hold it or move it. */
export type Clock = {
  now(): Date;
};

export const systemClock: Clock = { now: () => new Date() };

/** A clock that a test sets and moves; it never advances by itself. */
export function heldClock(startAt: Date): Clock & { advance(byMs: number): void } {
  let nowMs = startAt.getTime();
  return {
    now: () => new Date(nowMs),
    advance(byMs) {
      nowMs += byMs;
    },
  };
}

/** A clock that runs `offsetMs` beside the system's. */
export function shiftedClock(offsetMs: number): Clock {
  return { now: () => new Date(Date.now() + offsetMs) };
}
