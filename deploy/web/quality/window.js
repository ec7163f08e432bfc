// Adds up what lies between readings until a window is closed.
//
// Time is that of the reports, never that of a timer: a page in the background samples late, and
// its windows are longer, not wrong. Only differences count. A counter that went backwards, another
// ssrc, or a hole that is longer than a nap of the browser starts anew from the next reading: what
// happened in between is unknown, and unknown is not zero.
//
// Of several tracks in one direction the window has the bitrate and the level of the strongest,
// loss over all packets, and jitter weighted by packets.
import { presentable } from "./limits.js";

/** Timers of hidden pages may run once a minute; more than that is sleep. */
export const longestGapMs = 90_000;
/** Less says nothing about a rate. */
export const shortestWindowMs = 1_000;
/** Silence is some two packets a second: one lost of few is not a percentage. */
export const fewestPackets = 20;

const emptyTrack = () => ({
  ms: 0,
  bytes: undefined,
  lost: 0,
  expected: 0,
  jitter: 0,
  jitterWeight: 0,
  energy: 0,
  seconds: 0,
  levels: 0,
  levelCount: 0,
});

const emptyRoundTrip = () => ({ total: 0, count: 0, latest: 0, latestCount: 0 });

/** The growth of a counter, undefined when either end is unknown or it fell. */
function growth(before, after) {
  return after >= before ? after - before : undefined; // no comparison with undefined holds
}

function addRoundTrip(sum, before, after, fresh) {
  // They appear with the first measurement.
  const count = growth(before.rttCount ?? 0, after.rttCount);
  const total = growth(before.rttTotal ?? 0, after.rttTotal);
  if (count !== undefined && total !== undefined) {
    sum.total += total;
    sum.count += count;
  } else if (fresh && after.rtt !== undefined && after.rttCount === undefined) {
    sum.latest += after.rtt;
    sum.latestCount += 1;
  }
}

function roundTripMs(sum) {
  if (sum.count > 0) return (1000 * sum.total) / sum.count;
  return sum.latestCount > 0 ? (1000 * sum.latest) / sum.latestCount : undefined;
}

export class WindowMeter {
  /** @param {"uplink" | "downlink"} direction */
  constructor(direction) {
    this.direction = direction;
    this.before = new Map();
    this.pathBefore = new Map();
    this.muted = undefined;
    this.targetKbps = undefined;
    this.path = undefined;
    this.#clear();
  }

  #clear() {
    this.tracks = new Map();
    this.remote = emptyRoundTrip();
    this.network = emptyRoundTrip();
  }

  /** Forgets everything, baselines included. */
  reset() {
    this.before.clear();
    this.pathBefore.clear();
    this.muted = undefined;
    this.#clear();
  }

  /**
   * Whether these readings end a stretch that was muted, or was not: the window up to here belongs
   * to what was before.
   */
  turns(readings) {
    const muted = WindowMeter.#mutedOf(readings);
    return this.muted !== undefined && muted !== undefined && muted !== this.muted;
  }

  static #mutedOf(readings) {
    if (readings.length === 0 || readings.some((track) => track.muted === undefined)) {
      return undefined;
    }
    return readings.every((track) => track.muted);
  }

  /**
   * @param {import("./stats.js").TrackReading[]} readings  all of this direction at this moment
   * @param {import("./stats.js").PathReading[]} paths
   */
  add(readings, paths) {
    for (const reading of readings) this.#addTrack(reading);
    const newest = Math.max(...readings.map((track) => track.at));
    for (const [key, last] of this.before) {
      if (newest - last.at > longestGapMs) this.before.delete(key);
    }
    const targets = readings.map((track) => track.targetKbps).filter((kbps) => kbps !== undefined);
    this.targetKbps = targets.length > 0 ? Math.max(...targets) : undefined;
    this.#addPaths(paths);
  }

  /** To be called after `add`, once the window before a turn has been closed. */
  remember(readings) {
    this.muted = WindowMeter.#mutedOf(readings);
  }

  #addTrack(reading) {
    const before = this.before.get(reading.key);
    if (before !== undefined && reading.at === before.at) return; // a cached report
    const known =
      before !== undefined &&
      before.ssrc === reading.ssrc &&
      reading.at > before.at &&
      reading.at - before.at <= longestGapMs &&
      !(reading.bytes < before.bytes) &&
      !(reading.packets < before.packets);
    const next = { ...reading, heard: undefined };
    if (known) {
      let sum = this.tracks.get(reading.key);
      if (sum === undefined) this.tracks.set(reading.key, (sum = emptyTrack()));
      this.#addTraffic(sum, before, reading);
      if (this.direction === "uplink") next.heard = this.#addHeard(sum, before, reading);
      else this.#addReceived(sum, before, reading);
      this.#addLevel(sum, before, reading);
    } else if (this.direction === "uplink" && reading.heardAt !== undefined) {
      next.heard = reading;
    }
    this.before.set(reading.key, next);
  }

  #addTraffic(sum, before, reading) {
    sum.ms += reading.at - before.at;
    const bytes = growth(before.bytes, reading.bytes);
    if (bytes !== undefined) sum.bytes = (sum.bytes ?? 0) + bytes;
  }

  #addReceived(sum, before, reading) {
    const packets = growth(before.packets, reading.packets);
    if (packets === undefined) return;
    if (before.lost !== undefined && reading.lost !== undefined) {
      sum.lost += reading.lost - before.lost;
      sum.expected += packets + reading.lost - before.lost;
    }
    if (packets > 0 && reading.jitter !== undefined) {
      sum.jitter += reading.jitter * packets;
      sum.jitterWeight += packets;
    }
    addRoundTrip(this.remote, before, reading, packets > 0);
  }

  // Sent packets are counted from one receiver report to the next, as near as sampling comes: the
  // report in hand knows nothing of what was sent since. Returns the report to start from next
  // time.
  #addHeard(sum, before, reading) {
    const last = before.heard;
    if (reading.heardAt === undefined) return last;
    if (last === undefined) return reading;
    if (reading.heardAt === last.heardAt) return last;
    const sent = growth(last.packets, reading.packets);
    if (sent !== undefined && last.lost !== undefined && reading.lost !== undefined) {
      const lost = reading.lost - last.lost;
      // A receiver that was replaced counts from elsewhere.
      if (Math.abs(lost) <= 2 * sent + fewestPackets) {
        sum.lost += lost;
        sum.expected += sent;
      }
    }
    if (sent > 0 && reading.jitter !== undefined) {
      sum.jitter += reading.jitter * sent;
      sum.jitterWeight += sent;
    }
    addRoundTrip(this.remote, last, reading, true);
    return reading;
  }

  #addLevel(sum, before, reading) {
    const energy = growth(before.energy, reading.energy);
    const seconds = growth(before.seconds, reading.seconds);
    if (energy !== undefined && seconds !== undefined) {
      sum.energy += energy;
      sum.seconds += seconds;
    } else if (reading.energy === undefined && reading.level !== undefined) {
      sum.levels += reading.level;
      sum.levelCount += 1;
    }
  }

  #addPaths(paths) {
    const now = new Map(paths.map((path) => [path.key, path])); // each track names the same pair
    for (const [key, path] of now) {
      const before = this.pathBefore.get(key);
      if (before !== undefined) addRoundTrip(this.network, before, path, true);
    }
    this.pathBefore = now;
    this.path = paths[0];
  }

  /**
   * Ends the window and opens the next. Undefined when nothing was measured: there are no windows
   * of nothing.
   */
  close() {
    const tracks = [...this.tracks.values()];
    const { remote, network } = this;
    this.#clear();
    const windowMs = Math.max(0, ...tracks.map((track) => track.ms));
    if (windowMs < shortestWindowMs) return undefined;
    const values = {
      bitrate_kbps: strongest(tracks.map((track) => bitrate(track.bytes, windowMs))),
      jitter_ms: jitterMs(tracks),
      packet_loss_percent: lossPercent(tracks),
      audio_level: strongest(tracks.map(levelOf)),
      rtt_ms: roundTripMs(remote) ?? roundTripMs(network),
    };
    const window = { window_ms: Math.round(windowMs), direction: this.direction };
    let measured = false;
    for (const [name, value] of Object.entries(values)) {
      const shown = presentable(name, value);
      if (shown === undefined) continue;
      window[name] = shown;
      measured = true;
    }
    if (!measured) return undefined;
    if (this.muted !== undefined) window.muted = this.muted;
    return window;
  }
}

const bitrate = (bytes, ms) => (bytes === undefined ? undefined : (8 * bytes) / ms);

function strongest(values) {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

function jitterMs(tracks) {
  const weight = tracks.reduce((sum, track) => sum + track.jitterWeight, 0);
  return weight > 0
    ? (1000 * tracks.reduce((sum, track) => sum + track.jitter, 0)) / weight
    : undefined;
}

function lossPercent(tracks) {
  const expected = tracks.reduce((sum, track) => sum + track.expected, 0);
  if (expected < fewestPackets) return undefined;
  const lost = tracks.reduce((sum, track) => sum + track.lost, 0);
  // Receiver reports and our own counter are not read in the same instant.
  return Math.min(100, (100 * Math.max(0, lost)) / expected);
}

function levelOf(track) {
  // Above 1 by rounding only: a full-scale square wave.
  if (track.seconds > 0) return Math.min(1, Math.sqrt(track.energy / track.seconds));
  return track.levelCount > 0 ? track.levels / track.levelCount : undefined;
}
