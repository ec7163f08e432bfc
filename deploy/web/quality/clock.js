// The service judges windows by their time, and clocks of devices are wrong by minutes more often
// than one thinks. Where answers show the service's clock (the header Date; across origins only
// when it is exposed), a large difference is corrected.

/**
 * The service takes windows that are up to a minute off for what they are. Correcting less than
 * this would only make time jump.
 */
export const toleranceMs = 30_000;
const longestWayMs = 5_000;

/**
 * How much the service's clock is ahead, in ms; 0 when that is within tolerance, undefined when the
 * answer does not tell.
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
  const offset = shown + 500 - (sentAt + receivedAt) / 2;
  return Math.abs(offset) > toleranceMs ? Math.round(offset) : 0;
}
