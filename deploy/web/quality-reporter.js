// Measures what a participant of a live session sends and hears, tells the service, and tells the
// page when the connection has become poor. docs/quality-reporter.md explains it with examples.
//
//   import { QualityReporter } from "./quality-reporter.js";
//   const reporter = new QualityReporter({ source: room, apiUrl, streamId, token: fetchToken });
//   reporter.start();
//
// Samples every 2 s; closes a window every 10 s (± 10 %), every 5 s while the connection is poor,
// and at once when a track is muted or the page goes out of sight. Costs one getStats per track (or
// per bare connection) and sample, and one small POST per window. Never throws into the page;
// nothing is read or sent but the fields of a window.
//
// This file only drives what is in quality/: those modules know no timers, no network and no page.
import { Api } from "./quality/api.js";
import { limitBitrate } from "./quality/bitrate.js";
import { correction } from "./quality/clock.js";
import { Delivery } from "./quality/delivery.js";
import { Episode } from "./quality/episode.js";
import { browserEnvironment } from "./quality/environment.js";
import { HighLossPoll } from "./quality/high_loss_poll.js";
import { keepaliveBytes, Outbox, windowsPerRequest } from "./quality/outbox.js";
import { Pace } from "./quality/pace.js";
import { Sequence } from "./quality/sequence.js";
import { audioSenders, showAttribute, snapshots, watch } from "./quality/sources.js";
import { readReport } from "./quality/stats.js";
import { whenDegraded, whenRecovered } from "./quality/suggestions.js";
import { WindowMeter } from "./quality/window.js";

export { limits, thresholds } from "./quality/limits.js";
export { limitBitrate };

const path = "/quality-metrics";
/** Each attribute goes to everybody in the room: not with every window of a poor connection. */
const attributeEveryMs = 9_000;
/** A closed or frozen connection may never answer. */
const statsPatienceMs = 4_000;
/** The service takes no windows of one direction that are closer together. */
const closestMs = 1_000;
const directionsOf = { auto: ["uplink", "downlink"], uplink: ["uplink"], downlink: ["downlink"] };

export class QualityReporter {
  #options;
  #env;
  #api;
  #outbox = new Outbox();
  #sequence;
  #delivery;
  #pace;
  #poll;
  #meters = new Map();
  #episodes = new Map();
  #original = undefined; // bitrate before the first step down
  #attributeAt = -Infinity;
  #endedAt = new Map(); // by direction, on the wall's clock
  #timer;
  #undo = [];
  #state = "new";
  #sampling;
  #sending;
  // Of requests with keepalive that are under way: they outlive the page.
  #willBytes = 0;
  #willSeqs = new Set();

  /** @param {import("./quality-reporter.js").QualityReporterOptions} options */
  constructor(options, environment = browserEnvironment()) {
    for (const name of ["source", "apiUrl", "streamId", "token"]) {
      if (!options?.[name]) throw new TypeError(`QualityReporter needs ${name}`);
    }
    const directions = directionsOf[options.direction ?? "auto"];
    if (!directions) throw new TypeError("direction is auto, uplink or downlink");
    this.#options = options;
    this.#env = environment;
    this.#api = new Api(options, environment);
    this.#sequence = new Sequence(environment.storage);
    this.#delivery = new Delivery(environment.random, windowsPerRequest);
    this.#pace = new Pace(environment.random);
    this.#poll = new HighLossPoll(options.pollHighPacketLoss, environment.random);
    for (const direction of directions) {
      this.#meters.set(direction, new WindowMeter(direction));
      this.#episodes.set(direction, new Episode());
    }
  }

  /** new, running or stopped. */
  get state() {
    return this.#state;
  }

  /** Whether an episode of poor quality is under way, in either direction. */
  get degraded() {
    return [...this.#episodes.values()].some((episode) => episode.open);
  }

  /** Windows that have not been answered for. */
  get pending() {
    return this.#outbox.size;
  }

  start() {
    if (this.#state === "running") return;
    this.#state = "running";
    const now = this.#env.now();
    for (const meter of this.#meters.values()) meter.reset();
    this.#pace.start(now);
    this.#poll.start(now);
    this.#listen();
    this.#schedule();
  }

  /** Reports what has been measured so far; resolves when that has been tried. */
  async stop() {
    if (this.#state !== "running") return;
    this.#halt("stopped");
    this.#closeWindows();
    await this.#sending;
    await this.#deliver();
  }

  /** Closes the windows now instead of later and reports them. */
  async flush() {
    if (this.#state !== "running") return;
    await this.#sample();
    this.#closeWindows();
    await this.#sending;
    await this.#deliver();
  }

  #halt(reason) {
    this.#state = "stopped";
    this.#env.clearTimeout(this.#timer);
    for (const step of this.#undo.splice(0)) step();
    if (reason !== "stopped") this.#outbox.clear();
    this.#tell("onStopped", { reason });
  }

  // A callback of the page must not end the measuring.
  #tell(callback, ...facts) {
    try {
      this.#options[callback]?.(...facts);
    } catch (error) {
      this.#env.reportError(error);
    }
  }

  #listen() {
    const { page } = this.#env;
    const on = (target, event, listener) => {
      target?.addEventListener(event, listener);
      this.#undo.push(() => target?.removeEventListener(event, listener));
    };
    // Of a page that is swiped away on a phone, becoming hidden is the last that is heard.
    on(page.document, "visibilitychange", () => {
      if (page.document.visibilityState === "hidden") this.#lastWill();
    });
    on(page.window, "pagehide", () => this.#lastWill());
    on(page.window, "pageshow", () => this.#soon());
    on(page.window, "online", () => {
      this.#delivery.hurry(this.#env.now());
      this.#soon();
    });
    try {
      this.#undo.push(
        watch(this.#options.source, (what) => {
          if (what === "report") this.flush().catch(this.#env.reportError);
          else this.#soon();
        }),
      );
    } catch (error) {
      this.#env.reportError(error); // a function that has nothing to give yet
    }
  }

  #schedule() {
    this.#env.clearTimeout(this.#timer);
    if (this.#state !== "running") return;
    const wait = this.#pace.wait(this.#env.now());
    this.#timer = this.#env.setTimeout(() => this.#tick(), wait);
  }

  /** Samples out of turn. */
  #soon() {
    if (this.#state !== "running") return;
    this.#sample().then(() => this.#deliver()).catch(this.#env.reportError);
  }

  async #tick() {
    try {
      const now = this.#env.now();
      const due = this.#pace.due(now);
      if (due.sample) await this.#sample();
      if (due.close) this.#closeWindows();
      this.#deliver().catch(this.#env.reportError);
      if (this.#poll.due(now)) this.#askForHighLoss().catch(this.#env.reportError);
    } catch (error) {
      this.#env.reportError(error);
    }
    this.#schedule();
  }

  /** One at a time: whoever comes meanwhile waits for the one under way. */
  #sample() {
    this.#sampling ??= this.#sampleNow().finally(() => (this.#sampling = undefined));
    return this.#sampling;
  }

  async #sampleNow() {
    const directions = [...this.#meters.keys()];
    let timer;
    const late = new Promise((resolve) => {
      timer = this.#env.setTimeout(() => resolve(undefined), statsPatienceMs);
    });
    let found;
    try {
      found = await Promise.race([snapshots(this.#options.source, directions), late]);
    } finally {
      this.#env.clearTimeout(timer);
    }
    if (found === undefined) return;
    for (const [direction, meter] of this.#meters) {
      const readings = { tracks: [], paths: [] };
      for (const snapshot of found) {
        if (snapshot.direction !== direction) continue;
        const { report, scope, muted } = snapshot;
        const { tracks, paths } = readReport(report, direction, scope, muted);
        readings.tracks.push(...tracks);
        readings.paths.push(...paths);
      }
      const turns = meter.turns(readings.tracks);
      meter.add(readings.tracks, readings.paths);
      if (turns) this.#closeWindow(meter);
      meter.remember(readings.tracks);
    }
  }

  #closeWindows() {
    // Of windows that end together the service prefers what a participant sends, and what it hears
    // while it is muted: one time for both.
    const wall = this.#env.wallClock();
    for (const meter of this.#meters.values()) this.#closeWindow(meter, wall);
    const poor = [...this.#episodes.values()].some((episode) => episode.poor);
    this.#pace.opened(this.#env.now(), poor);
  }

  #closeWindow(meter, wall = this.#env.wallClock()) {
    const window = meter.close();
    if (window === undefined) return;
    const now = this.#env.now();
    const item = this.#outbox.push(window, this.#sequence.next(wall), this.#end(meter, wall), now);
    const shown = this.#options.attribute === true && meter.direction === "uplink";
    if (shown && now - this.#attributeAt >= attributeEveryMs) {
      this.#attributeAt = now;
      showAttribute(this.#options.source, this.#outbox.text(item));
    }
    this.#tell("onWindow", window);
    this.#judge(meter, window, now);
  }

  // A window may be closed long after its last sample, and the next one a moment later.
  #end(meter, wall) {
    const last = this.#endedAt.get(meter.direction) ?? -Infinity;
    const end = Math.abs(wall - last) < closestMs ? last + closestMs : wall;
    this.#endedAt.set(meter.direction, end);
    return end;
  }

  #judge(meter, window, now) {
    const change = this.#episodes.get(meter.direction).observe(window, now);
    if (change === undefined) return;
    const sends = meter.direction === "uplink";
    const about = {
      targetKbps: sends ? (meter.targetKbps ?? window.bitrate_kbps) : undefined,
      before: this.#original,
      protocol: meter.path?.protocol,
    };
    const recovered = change.kind === "recovered";
    const suggestions = recovered ? whenRecovered(about) : whenDegraded(change.reasons, about);
    for (const suggestion of suggestions) {
      const kbps = suggestion.bitrate_kbps;
      if (kbps === undefined) continue;
      suggestion.apply = () => {
        if (!recovered) this.#original ??= about.targetKbps;
        return limitBitrate(audioSenders(this.#options.source), kbps);
      };
    }
    this.#tell(recovered ? "onRecovered" : "onDegraded", {
      direction: meter.direction,
      ongoing: change.kind === "still_degraded",
      reasons: change.reasons,
      window,
      path: meter.path && { relayed: meter.path.relayed, protocol: meter.path.protocol },
      suggestions,
    });
  }

  /** One request at a time; whoever comes meanwhile waits for the one under way. */
  #deliver() {
    this.#sending ??= this.#deliverAll().finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #deliverAll() {
    for (;;) {
      const now = this.#env.now();
      this.#outbox.expire(now);
      if (!this.#delivery.mayBegin(now)) return;
      const batch = this.#outbox.oldest(this.#delivery.count);
      if (batch === undefined) return;
      const answer = await this.#api.call("POST", path, batch.body);
      if (!this.#settle(batch, answer)) return;
    }
  }

  // Whether to go on.
  #settle(batch, answer) {
    const verdict = this.#delivery.answered(answer, batch.seqs.length, this.#env.now());
    this.#outbox.clockOffsetMs = correction(this.#outbox.clockOffsetMs, answer?.clockOffsetMs);
    if (verdict.settle) this.#outbox.settle(batch.seqs);
    const rejected = answer?.status < 300 ? answer.body?.rejected : undefined;
    if (Array.isArray(rejected) && rejected.length > 0) this.#tell("onRejected", rejected);
    if (verdict.stop !== undefined) {
      if (this.#state === "running") this.#halt(verdict.stop);
      return false;
    }
    const refused = answer === undefined || answer.status >= 300;
    if (refused) {
      this.#tell("onError", {
        status: answer?.status,
        code: answer?.code,
        windows: batch.seqs.length,
        given_up: verdict.giveUp === true,
      });
    }
    return true;
  }

  // There may be no time for another sample or for a fresh token. Windows that are under way in an
  // ordinary request are sent once more, since that may die with the page: the service knows them
  // by number. A page that is left becomes hidden first: the second time there is little to add.
  #lastWill() {
    if (this.#state !== "running") return;
    this.#closeWindows();
    const left = keepaliveBytes - this.#willBytes;
    for (const batch of this.#outbox.lastWill(left, this.#willSeqs)) this.#sendWill(batch);
  }

  #sendWill(batch) {
    this.#willBytes += batch.body.length;
    for (const seq of batch.seqs) this.#willSeqs.add(seq);
    this.#api.lastCall("POST", path, batch.body).then((status) => {
      this.#willBytes -= batch.body.length;
      for (const seq of batch.seqs) this.#willSeqs.delete(seq);
      if (status >= 200 && status < 300) this.#outbox.settle(batch.seqs);
    });
  }

  async #askForHighLoss() {
    const answer = await this.#api.call("GET", `${path}/${this.#poll.query}`);
    const news = this.#poll.answered(answer, this.#env.now());
    if (news !== undefined) this.#tell("onHighPacketLoss", news);
  }
}
