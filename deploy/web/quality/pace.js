// When to sample and when to close a window.
//
// Closing spreads by a tenth either way, so that a crowd that joined in one second does not report
// in one second for ever. A timer that fired late (hidden page, sleep) shifts what follows; nothing
// is made up for. Times are milliseconds of a clock that never goes back.

export const samplingMs = 2_000;
export const reportingMs = 10_000;
/** While the connection is poor. Shorter windows would see the same receiver report twice. */
export const reportingWhenPoorMs = 5_000;
export const spread = 0.1;

export class Pace {
  /** @param {() => number} random  0 to 1 */
  constructor(random) {
    this.random = random;
    this.sampleAt = 0;
    this.closeAt = 0;
  }

  start(now) {
    this.sampleAt = now;
    this.opened(now, false);
  }

  /** A window has been opened. */
  opened(now, poor) {
    const length = poor ? reportingWhenPoorMs : reportingMs;
    this.closeAt = now + length * (1 + spread * (2 * this.random() - 1));
  }

  /** What is due; closing always comes with a sample, so that a window ends where it says. */
  due(now) {
    const close = now >= this.closeAt;
    const sample = close || now >= this.sampleAt;
    if (sample) this.sampleAt = now + samplingMs;
    return { sample, close };
  }

  /** Milliseconds until something is due. */
  wait(now) {
    return Math.max(0, Math.min(this.sampleAt, this.closeAt) - now);
  }
}
