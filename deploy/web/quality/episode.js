// When a connection counts as degraded: three poor windows in a row begin an episode, three good
// ones end it. One bad window is weather.
//
// A window without loss, jitter and round trip says neither. Windows with a hole between them are
// not in a row.
import { thresholds } from "./limits.js";

export const windowsInARow = 3;
/** An episode is told of again, for a further step down, after so many more poor windows. */
export const remindAfter = 6;
const longestHoleMs = 60_000;

/** Which of the numbers of a window are poor; undefined when it has none of them. */
export function poorFields(window) {
  const names = Object.keys(thresholds).filter((name) => window[name] !== undefined);
  if (names.length === 0) return undefined;
  return names.filter((name) => window[name] > thresholds[name]);
}

export class Episode {
  constructor() {
    this.open = false;
    this.streak = 0;
    this.poorWindows = 0;
    this.lastWasPoor = false;
    this.lastAt = undefined;
  }

  /** Worth a closer look: shorter windows. */
  get poor() {
    return this.open || this.lastWasPoor;
  }

  /**
   * @param {object} window
   * @param {number} now  ms, never goes back
   * @returns {{ kind: "degraded" | "still_degraded" | "recovered", reasons: string[] } | undefined}
   */
  observe(window, now) {
    const reasons = poorFields(window);
    if (reasons === undefined) return undefined;
    const hole = this.lastAt !== undefined && now - this.lastAt - window.window_ms > longestHoleMs;
    const poor = reasons.length > 0;
    this.lastAt = now;
    this.lastWasPoor = poor;
    if (hole) this.streak = 0;
    // The streak is of windows that speak against the present state.
    this.streak = poor === this.open ? 0 : this.streak + 1;
    if (this.open && poor) {
      this.poorWindows += 1;
      if (this.poorWindows % remindAfter === 0) return { kind: "still_degraded", reasons };
      return undefined;
    }
    if (this.streak < windowsInARow) return undefined;
    this.open = !this.open;
    this.streak = 0;
    this.poorWindows = 0;
    return { kind: this.open ? "degraded" : "recovered", reasons };
  }
}
