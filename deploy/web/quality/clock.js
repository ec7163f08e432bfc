// The service judges windows by their time, and clocks of devices are wrong by minutes more often
// than one thinks. Where answers show the service's clock (the header Date; across origins only
// when it is exposed), a large difference is corrected.

/** A window that seems older than it is becomes late after a minute, and some of that is the way. */
export const mostBehindMs = 30_000;
/**
 * The service takes windows that are up to a minute ahead. A correction sets time back, and windows
 * that seem to be from before those that it has looked at are lost: not sooner than necessary.
 */
export const mostAheadMs = 55_000;
const longestWayMs = 5_000;

/**
 * How much the service's clock is ahead, in ms; undefined when the answer does not tell.
 * @param {string | null} date    the header
 * @param {number} sentAt         ms since 1970, by this device
 * @param {number} receivedAt
 */
export function clockOffset(date, sentAt, receivedAt) {
  const shown = date ? Date.parse(date) : NaN;
  // A slow answer, or a clock that was set meanwhile, says nothing precise.
  if (!Number.isFinite(shown) || receivedAt < sentAt || receivedAt - sentAt > longestWayMs) {
    return undefined;
  }
  return Math.round(shown + 500 - (sentAt + receivedAt) / 2);
}

/**
 * The correction to go on with. The present one stays until it is itself far off, as when the device
 * has set its clock right: what is measured anew each time would make time jump.
 * @param {number} present           ms, 0 at first
 * @param {number | undefined} seen  what clockOffset said
 */
export function correction(present, seen) {
  if (seen === undefined) return present;
  const off = seen - present;
  return off > mostBehindMs || off < -mostAheadMs ? seen : present;
}
