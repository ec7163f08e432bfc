// Numbers of windows: they rise for ever, also when the page is loaded anew, on another device, or
// after the clock was set back here.
//
// A number is the time in milliseconds, or one more than the last, whichever is greater. The last
// one is kept in the browser's storage where there is one. The service takes a number that it knows
// for a replay and ignores the window.

const name = "subcults.quality.seq";

export class Sequence {
  /** @param {Pick<Storage, "getItem" | "setItem"> | undefined} storage */
  constructor(storage) {
    this.storage = storage;
    this.last = 0;
    try {
      const kept = Number(storage?.getItem(name));
      if (Number.isSafeInteger(kept) && kept > 0) this.last = kept;
    } catch {
      this.storage = undefined; // forbidden by the user
    }
  }

  /** @param {number} now  milliseconds since 1970 */
  next(now) {
    // A kept number from a clock that was years ahead would otherwise rule for ever.
    const tooFar = this.last > now + 366 * 86_400_000;
    this.last = tooFar ? Math.floor(now) : Math.max(this.last + 1, Math.floor(now));
    try {
      this.storage?.setItem(name, String(this.last));
    } catch {
      this.storage = undefined; // full, or forbidden by now
    }
    return this.last;
  }
}
