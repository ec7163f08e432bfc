// Asks the service now and then whom it has seen losing packets: hosts are told of everybody,
// others of themselves. Off unless it is asked for.

const fewestSeconds = 10;
const longestPauseMs = 10 * 60_000;

export class HighLossPoll {
  /**
   * @param {boolean | { everySeconds?: number, sinceMinutes?: number } | undefined} wish
   * @param {() => number} random
   */
  constructor(wish, random) {
    const { everySeconds = 60, sinceMinutes = 5 } = typeof wish === "object" ? wish : {};
    if (!(everySeconds >= fewestSeconds)) {
      throw new RangeError(`everySeconds is at least ${fewestSeconds}`);
    }
    if (!Number.isInteger(sinceMinutes) || sinceMinutes < 1 || sinceMinutes > 60) {
      throw new RangeError("sinceMinutes is 1 to 60");
    }
    this.random = random;
    this.everyMs = everySeconds * 1000;
    this.query = `high-packet-loss?since_minutes=${sinceMinutes}`;
    this.wanted = Boolean(wish);
    this.at = Infinity;
    this.known = "";
  }

  start(now) {
    // Not everybody at the same moment after the doors have opened.
    this.at = this.wanted ? now + this.everyMs * this.random() : Infinity;
  }

  /** Whether to ask now; the answer decides when next. */
  due(now) {
    if (now < this.at) return false;
    this.at = Infinity;
    return true;
  }

  /**
   * @param {import("./api.js").Reply | undefined} answer
   * @returns {object | undefined} the answer's body when it differs from the last
   */
  answered(answer, now) {
    const pause = Math.min(longestPauseMs, Math.max(this.everyMs, answer?.retryAfterMs ?? 0));
    this.at = now + pause * (0.9 + 0.2 * this.random());
    if ([404, 409, 410].includes(answer?.status)) this.at = Infinity; // will not change
    if (answer?.status !== 200 || !Array.isArray(answer.body?.participants)) return undefined;
    const names = [...answer.body.participants].sort().join(" ");
    if (names === this.known) return undefined;
    this.known = names;
    return answer.body;
  }
}
