// Windows that have not been answered for yet, oldest first.
//
// Bounded in number and in age: what is older than the service stores is dropped here. They leave
// in the order in which they were measured, because a collection that has looked at a window does
// not go back to older ones.

/** The service stores windows up to ten minutes late; the rest is for the way. */
export const longestAgeMs = 9.5 * 60_000;
/** Ten minutes of both directions at the fast pace. */
export const mostWindows = 240;
/** Browsers allow 64 KiB for everything with keepalive that a page has under way. */
export const keepaliveBytes = 48 * 1024;
/** The service takes 64. */
export const windowsPerRequest = 60;

const frame = ['{"windows":[', "]}"];
const frameBytes = frame.join("").length;

export class Outbox {
  constructor() {
    this.items = [];
    this.dropped = 0;
    /** How much the service's clock is ahead of this one, ms. */
    this.clockOffsetMs = 0;
  }

  get size() {
    return this.items.length;
  }

  /**
   * @param {object} window  without seq and measured_at
   * @param {number} seq
   * @param {number} wall  milliseconds since 1970, by this device
   * @param {number} now   ms of a clock that never goes back
   * @returns {{ seq: number }} for `text`
   */
  push(window, seq, wall, now) {
    const item = { window, seq, wall, at: now };
    this.items.push(item);
    while (this.items.length > mostWindows) this.#drop();
    return item;
  }

  #drop() {
    this.items.shift();
    this.dropped += 1;
  }

  expire(now) {
    while (this.items.length > 0 && now - this.items[0].at > longestAgeMs) this.#drop();
  }

  /** The oldest windows. @returns {{ seqs: number[], body: string } | undefined} */
  oldest(count = windowsPerRequest) {
    const items = this.items.slice(0, count);
    return this.#batch(items);
  }

  /**
   * As many of the newest as fit, for when there will be no other chance: what to send all at once,
   * oldest first.
   * @param {number} bytes  for all of it together
   * @param {Set<number>} [underWay]  numbers of windows that are safe already
   * @returns {{ seqs: number[], body: string }[]}
   */
  lastWill(bytes = keepaliveBytes, underWay = new Set()) {
    const items = this.items.filter((item) => !underWay.has(item.seq));
    let size = 0;
    let first = items.length;
    while (first > 0) {
      const another = (items.length - first) % windowsPerRequest === 0;
      if (another) size += frameBytes - 1; // its first window has no comma
      size += this.text(items[first - 1]).length + 1; // ASCII only
      if (size > bytes) break;
      first -= 1;
    }
    const batches = [];
    for (; first < items.length; first += windowsPerRequest) {
      batches.push(this.#batch(items.slice(first, first + windowsPerRequest)));
    }
    return batches;
  }

  /**
   * A window as it is sent. Written when it first leaves: what is known about the clock by then is
   * better. After that it stays as it is, so that whoever has it already knows it again.
   */
  text(item) {
    item.text ??= JSON.stringify({
      seq: item.seq,
      measured_at: new Date(item.wall + this.clockOffsetMs).toISOString(),
      ...item.window,
    });
    return item.text;
  }

  #batch(items) {
    if (items.length === 0) return undefined;
    const texts = items.map((item) => this.text(item));
    return { seqs: items.map((item) => item.seq), body: frame[0] + texts.join(",") + frame[1] };
  }

  /** These have been answered for, whatever the answer was. */
  settle(seqs) {
    const settled = new Set(seqs);
    this.items = this.items.filter((item) => !settled.has(item.seq));
  }

  clear() {
    this.items = [];
  }
}
