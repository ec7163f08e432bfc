// What an answer of the service means for the windows that were sent: no I/O, no clock.
//
// - 2xx: all of them are answered for, also those that were rejected one by one.
// - 413, 400, 422: too many, or one that spoils the rest: halves, down to one, which is given up.
// - 401 after a fresh token, 408, 425, 429, 5xx and no answer: wait, longer each time, with full
//   jitter; never less than Retry-After says.
// - 404, 409, 410: the stream is not there, has ended, or its scene is gone: stop. So does 403,
//   after eight of them in a row, which is some two minutes: a report may overtake the join, and
//   after a reconnection the service may have heard of the leave and not yet of the return.

const firstPauseMs = 2_000;
const longestPauseMs = 60_000;
const patienceWithForbidden = 8;

/** Retry-After in milliseconds: seconds or a date. */
export function retryAfterMs(header, now) {
  if (header === null || header === undefined || header === "") return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

const stops = new Map([
  [404, "not_found"],
  [409, "ended"],
  [410, "gone"],
]);

export class Delivery {
  /**
   * @param {() => number} random  0 to 1
   * @param {number} mostPerRequest
   */
  constructor(random, mostPerRequest) {
    this.random = random;
    this.mostPerRequest = mostPerRequest;
    this.count = mostPerRequest;
    this.failures = 0;
    this.forbidden = 0;
    this.notBefore = 0;
    this.unreachable = false;
  }

  /** Whether something may be sent now (ms of a clock that never goes back). */
  mayBegin(now) {
    return now >= this.notBefore;
  }

  /** The network is back: no reason to sit out a pause that the service has not asked for. */
  hurry(now) {
    if (this.unreachable) this.notBefore = now;
  }

  /**
   * @param {{ status: number, retryAfterMs?: number, code?: string } | undefined} answer  undefined
   *   when none came
   * @param {number} sent  windows in the request
   * @returns {{ settle: boolean, stop?: string, giveUp?: boolean }}
   */
  answered(answer, sent, now) {
    this.unreachable = answer === undefined;
    const status = answer?.status ?? 0;
    if (status >= 200 && status < 300) {
      this.failures = 0;
      this.forbidden = 0;
      this.notBefore = now;
      this.count = Math.min(this.mostPerRequest, this.count * 2);
      return { settle: true };
    }
    if (stops.has(status)) return { settle: true, stop: stops.get(status) };
    if (status === 403) {
      this.forbidden += 1;
      if (answer.code === "kicked" || this.forbidden >= patienceWithForbidden) {
        return { settle: true, stop: "forbidden" };
      }
    }
    const transient =
      status < 400 || [401, 403, 408, 425, 429].includes(status) || status >= 500;
    if (transient) {
      this.#pause(answer?.retryAfterMs, now);
      return { settle: false };
    }
    this.notBefore = now;
    if (sent > 1 && [400, 413, 422].includes(status)) {
      this.count = Math.floor(sent / 2);
      return { settle: false };
    }
    return { settle: true, giveUp: true };
  }

  #pause(asked, now) {
    const most = Math.min(longestPauseMs, firstPauseMs * 2 ** this.failures);
    this.failures += 1;
    const own = most * (0.5 + 0.5 * this.random());
    // Those who were sent away together must not come back together.
    const told = asked === undefined ? 0 : asked + (1000 + 0.1 * asked) * this.random();
    this.notBefore = now + Math.max(own, told);
  }
}
