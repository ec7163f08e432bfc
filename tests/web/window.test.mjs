import assert from "node:assert/strict";
import { test } from "node:test";

import { presentable } from "../../deploy/web/quality/limits.js";
import { readReport } from "../../deploy/web/quality/stats.js";
import { WindowMeter } from "../../deploy/web/quality/window.js";
import { epoch, receiving, sending } from "./reports.mjs";

/** Adds reports of one moment, as the reporter does. Returns the window that a turn has closed. */
function add(meter, reports, muted) {
  const list = Array.isArray(reports) ? reports : [reports];
  const tracks = [];
  const paths = [];
  for (const report of list) {
    const read = readReport(report, meter.direction, "1", muted);
    tracks.push(...read.tracks);
    paths.push(...read.paths);
  }
  const turns = meter.turns(tracks);
  meter.add(tracks, paths);
  const closed = turns ? meter.close() : undefined;
  meter.remember(tracks);
  return closed;
}

const uplink = () => new WindowMeter("uplink");
const downlink = () => new WindowMeter("downlink");

test("a sender's window has all five numbers", () => {
  const meter = uplink();
  for (const second of [0, 2, 4, 6, 8, 10]) {
    add(meter, sending(second, { lost: second }), false);
  }
  assert.deepEqual(meter.close(), {
    window_ms: 10_000,
    direction: "uplink",
    bitrate_kbps: 32,
    jitter_ms: 12,
    packet_loss_percent: 2, // 10 of 500
    audio_level: 0.3, // sqrt(0.09), not the latest 0.2
    rtt_ms: 50,
    muted: false,
  });
});

test("a receiver's window has all five numbers, the round trip from the pair in use", () => {
  const meter = downlink();
  for (const second of [0, 2, 4, 6, 8, 10]) add(meter, receiving(second, { lost: 2 * second }));
  assert.deepEqual(meter.close(), {
    window_ms: 10_000,
    direction: "downlink",
    bitrate_kbps: 48,
    jitter_ms: 8,
    packet_loss_percent: 3.85, // 20 of 520
    audio_level: 0.2,
    rtt_ms: 40,
  });
});

test("time is that of the reports: a page that slept a while has a longer window", () => {
  const meter = downlink();
  for (const second of [0, 1, 61]) add(meter, receiving(second));
  const window = meter.close();
  assert.equal(window.window_ms, 61_000);
  assert.equal(window.bitrate_kbps, 48);
});

test("windows follow each other without a gap and without counting twice", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(4, { lost: 50 }));
  assert.equal(meter.close().packet_loss_percent, 20);
  add(meter, receiving(8, { lost: 50 }));
  const second = meter.close();
  assert.equal(second.packet_loss_percent, 0);
  assert.equal(second.window_ms, 4_000);
});

test("the first reading is a place to start from, not a rate", () => {
  const meter = downlink();
  add(meter, receiving(1000));
  assert.equal(meter.close(), undefined);
});

// Counters as they are so many seconds after a restart at second 13.
const since13 = (second) => ({ bytesReceived: 6000 * (second - 13), packetsReceived: 50 * (second - 13) });
for (const [what, after, windowMs] of [
  ["bytes that fell", (s) => ({ inbound: { bytesReceived: since13(s).bytesReceived } }), 4_000],
  ["packets that fell", (s) => ({ inbound: { packetsReceived: since13(s).packetsReceived } }), 4_000],
  ["another ssrc", (s) => ({ ssrc: 23, inbound: since13(s + 1000) }), 4_000],
  ["another entry", (s) => ({ id: "IT2", ssrc: 23, inbound: since13(s + 1000) }), 2_000],
]) {
  test(`counters start anew after ${what}`, () => {
    const meter = downlink();
    for (const second of [10, 12]) add(meter, receiving(second));
    for (const second of [14, 16]) add(meter, receiving(second, { lost: 9_999, ...after(second) }));
    const window = meter.close();
    assert.equal(window.window_ms, windowMs);
    assert.equal(window.bitrate_kbps, 48);
    assert.equal(window.packet_loss_percent, 0);
  });
}

test("a hole of more than a minute and a half is not bridged", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(2));
  add(meter, receiving(3600, { lost: 90_000 }));
  add(meter, receiving(3602, { lost: 90_000 }));
  const window = meter.close();
  assert.equal(window.window_ms, 4_000);
  assert.equal(window.packet_loss_percent, 0);
});

test("a report that the browser has cached adds nothing", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(2));
  add(meter, receiving(2));
  add(meter, receiving(4));
  assert.equal(meter.close().window_ms, 4_000);
});

test("a clock of the reports that goes back starts anew", () => {
  const meter = downlink();
  add(meter, receiving(10));
  add(meter, receiving(5));
  assert.equal(meter.close(), undefined);
  add(meter, receiving(7));
  assert.equal(meter.close().window_ms, 2_000);
  // Also when the counters went on.
  add(meter, receiving(9, { inbound: { timestamp: epoch } }));
  add(meter, receiving(11));
  assert.equal(meter.close().window_ms, 11_000);
});

test("a cached report does not make the counting of sent packets begin anew", () => {
  const meter = uplink();
  add(meter, sending(0, { heard: 0 }), false);
  add(meter, sending(2, { heard: 0 }), false);
  add(meter, sending(2, { heard: 0 }), false);
  add(meter, sending(6, { heard: 6, lost: 30 }), false);
  assert.equal(meter.close().packet_loss_percent, 10);
});

test("without a new receiver report there is no loss and no jitter, whatever the old one says", () => {
  const meter = uplink();
  add(meter, sending(0, { heard: 0 }), false);
  add(meter, sending(2, { heard: 1, lost: 10 }), false);
  meter.close();
  add(meter, sending(4, { heard: 1, lost: 10 }), false);
  add(meter, sending(6, { heard: 1, lost: 10 }), false);
  const window = meter.close();
  assert.equal(window.packet_loss_percent, undefined);
  assert.equal(window.jitter_ms, undefined);
  assert.equal(window.bitrate_kbps, 32);
  // The pair's checks go on: they say how long the way is.
  assert.equal(window.rtt_ms, 40);
});

test("loss is counted from one receiver report to the next, across windows", () => {
  const meter = uplink();
  add(meter, sending(0, { heard: 0 }), false);
  add(meter, sending(2, { heard: 0 }), false);
  assert.equal(meter.close().packet_loss_percent, undefined);
  add(meter, sending(6, { heard: 6, lost: 30 }), false);
  assert.equal(meter.close().packet_loss_percent, 10); // 30 of the 300 sent since second 0
});

test("a receiver that was replaced counts from elsewhere and is not believed", () => {
  const meter = uplink();
  add(meter, sending(0, { heard: 0, lost: 0 }), false);
  add(meter, sending(2, { heard: 2, lost: 16_000_000 }), false);
  assert.equal(meter.close().packet_loss_percent, undefined);
  add(meter, sending(4, { heard: 4, lost: 16_000_000 }), false);
  assert.equal(meter.close().packet_loss_percent, 0);
});

test("packets that were found again do not make loss negative", () => {
  const meter = downlink();
  add(meter, receiving(0, { lost: 40 }));
  add(meter, receiving(10, { lost: 30 }));
  assert.equal(meter.close().packet_loss_percent, 0);
});

test("loss within a window is the sum of its parts, falls included", () => {
  const meter = downlink();
  add(meter, receiving(0, { lost: 0 }));
  add(meter, receiving(5, { lost: 60 }));
  add(meter, receiving(10, { lost: 50 }));
  assert.equal(meter.close().packet_loss_percent, 9.09); // 50 of 550
});

test("a few packets are not enough for a percentage", () => {
  const meter = downlink();
  add(meter, receiving(0, { inbound: { packetsReceived: 0 } }));
  add(meter, receiving(5, { lost: 1, inbound: { packetsReceived: 12 } }));
  assert.equal(meter.close().packet_loss_percent, undefined);
});

test("silence has a bitrate of zero and no loss; a missing counter has no bitrate at all", () => {
  const still = { inbound: { bytesReceived: 5, packetsReceived: 5, packetsLost: 0 } };
  const meter = downlink();
  add(meter, receiving(0, still));
  add(meter, receiving(10, still));
  const window = meter.close();
  assert.equal(window.bitrate_kbps, 0);
  assert.equal(window.packet_loss_percent, undefined);
  assert.equal(window.jitter_ms, undefined);
  const blind = { inbound: { bytesReceived: undefined } };
  add(meter, receiving(20, blind));
  add(meter, receiving(30, blind));
  assert.equal(meter.close().bitrate_kbps, undefined);
});

test("where a browser offers no energy, levels are averaged; where it offers neither, there is none", () => {
  const momentary = (level) => ({ source: { totalAudioEnergy: undefined, audioLevel: level } });
  const meter = uplink();
  add(meter, sending(0, momentary(0.9)), false);
  add(meter, sending(2, momentary(0.1)), false);
  add(meter, sending(4, momentary(0.3)), false);
  assert.equal(meter.close().audio_level, 0.2);
  add(meter, sending(6, momentary(undefined)), false);
  add(meter, sending(8, momentary(undefined)), false);
  assert.equal(meter.close().audio_level, undefined);
});

test("muting ends the window: what was before was not muted, what follows is", () => {
  const meter = uplink();
  add(meter, sending(0), false);
  add(meter, sending(3), false);
  const spoken = add(meter, sending(5), true);
  assert.equal(spoken.muted, false);
  assert.equal(spoken.window_ms, 5_000);
  add(meter, sending(8), true);
  const silent = add(meter, sending(9), false);
  assert.equal(silent.muted, true);
  assert.equal(silent.window_ms, 4_000);
  assert.equal(add(meter, sending(11), false), undefined);
});

test("of several tracks the strongest counts, and loss is that of all packets", () => {
  const meter = downlink();
  const quiet = (seconds, lost) =>
    receiving(seconds, {
      id: "IT2",
      ssrc: 33,
      inbound: {
        bytesReceived: 100 * seconds,
        packetsReceived: 50 * seconds,
        packetsLost: lost,
        totalAudioEnergy: 0,
      },
    });
  add(meter, [receiving(0), quiet(0, 0)]);
  add(meter, [receiving(10, { lost: 0 }), quiet(10, 100)]);
  const window = meter.close();
  assert.equal(window.bitrate_kbps, 48);
  assert.equal(window.audio_level, 0.2);
  assert.equal(window.packet_loss_percent, 9.09); // 100 of 1,100
  assert.equal(window.rtt_ms, 40); // both name the same pair: counted once
});

test("a track that ends keeps its part of the window and is forgotten later", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(4));
  add(meter, []);
  assert.equal(meter.close().window_ms, 4_000);
  add(meter, receiving(200, { id: "IT2", ssrc: 5 }));
  assert.deepEqual([...meter.before.keys()], ["1/IT2"]);
});

test("a candidate pair that changes starts anew", () => {
  const meter = downlink();
  const other = receiving(10);
  other.set("T1", { id: "T1", type: "transport", selectedCandidatePairId: "CP2" });
  other.set("CP2", {
    id: "CP2",
    type: "candidate-pair",
    totalRoundTripTime: 50,
    responsesReceived: 100,
    currentRoundTripTime: 0.5,
  });
  add(meter, receiving(0));
  add(meter, other);
  assert.equal(meter.close().rtt_ms, undefined);
});

test("a momentary round trip is used where there are no sums", () => {
  const only = (seconds, rtt) => {
    const found = receiving(seconds);
    const pair = { id: "CP1", type: "candidate-pair", currentRoundTripTime: rtt };
    found.set("CP1", pair);
    return found;
  };
  const meter = downlink();
  for (const [second, rtt] of [[0, 9], [2, 0.1], [4, 0.3]]) add(meter, only(second, rtt));
  assert.equal(meter.close().rtt_ms, 200);
});

test("the very first round trip counts", () => {
  const none = { remote: { totalRoundTripTime: undefined, roundTripTimeMeasurements: undefined } };
  const meter = uplink();
  add(meter, sending(0, { heard: 0, ...none }), false);
  add(meter, sending(2, { heard: 2 }), false);
  assert.equal(meter.close().rtt_ms, 50);
});

test("a level that is above full scale by rounding is full scale", () => {
  const meter = downlink();
  add(meter, receiving(0, { inbound: { totalAudioEnergy: 0 } }));
  add(meter, receiving(2, { inbound: { totalAudioEnergy: 2.0001 } }));
  assert.equal(meter.close().audio_level, 1);
});

test("time that passed without a single counter is no window", () => {
  const blind = (second) =>
    new Map([["i", { id: "i", type: "inbound-rtp", kind: "audio", ssrc: 1, timestamp: 1000 * second }]]);
  const meter = downlink();
  add(meter, blind(0));
  add(meter, blind(10));
  assert.equal(meter.close(), undefined);
});

test("less than a second is no window", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(0.5));
  assert.equal(meter.close(), undefined);
});

test("what cannot be true is left out, and the rest is kept", () => {
  const meter = downlink();
  add(meter, receiving(0));
  add(meter, receiving(2, { inbound: { jitter: 100, bytesReceived: 1e9 } }));
  const window = meter.close();
  assert.equal(window.jitter_ms, undefined);
  assert.equal(window.bitrate_kbps, undefined);
  assert.equal(window.packet_loss_percent, 0);
  for (const [name, value] of [
    ["packet_loss_percent", -0.01],
    ["packet_loss_percent", 100.5],
    ["audio_level", 1.1],
    ["rtt_ms", 60_001],
    ["jitter_ms", NaN],
    ["bitrate_kbps", undefined],
  ]) {
    assert.equal(presentable(name, value), undefined, `${name} ${value}`);
  }
  assert.equal(presentable("bitrate_kbps", 1000), 1000);
  assert.equal(presentable("rtt_ms", 0), 0);
});

test("readings from decades ago do not matter", () => {
  const meter = downlink();
  add(meter, receiving(-epoch / 1000 + 1));
  add(meter, receiving(0));
  assert.equal(meter.close(), undefined);
});
