import assert from "node:assert/strict";
import { test } from "node:test";

import { Episode, poorFields } from "../../deploy/web/quality/episode.js";
import { HighLossPoll } from "../../deploy/web/quality/high_loss_poll.js";
import { Pace } from "../../deploy/web/quality/pace.js";
import { stepDown, stepUp, whenDegraded, whenRecovered } from "../../deploy/web/quality/suggestions.js";

const good = { window_ms: 10_000, packet_loss_percent: 0, jitter_ms: 3, rtt_ms: 40 };
const poor = { ...good, packet_loss_percent: 9 };
const mute = { window_ms: 10_000, bitrate_kbps: 1 };

/** What an episode says to windows that come every ten seconds. */
function told(windows, episode = new Episode(), from = 0) {
  return windows.map((window, i) => episode.observe(window, from + 10_000 * (i + 1))?.kind);
}

test("a number is poor strictly above its threshold", () => {
  assert.deepEqual(poorFields({ packet_loss_percent: 5, jitter_ms: 30, rtt_ms: 300 }), []);
  assert.deepEqual(poorFields({ packet_loss_percent: 5.01, jitter_ms: 30.01, rtt_ms: 300.1 }), [
    "packet_loss_percent",
    "jitter_ms",
    "rtt_ms",
  ]);
  assert.equal(poorFields(mute), undefined);
});

test("three poor windows in a row begin an episode, three good ones end it", () => {
  const episode = new Episode();
  assert.deepEqual(told([poor, poor, good, poor, poor, poor], episode), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    "degraded",
  ]);
  assert.ok(episode.open);
  assert.deepEqual(told([good, good, poor, good, good, good], episode, 60_000), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    "recovered",
  ]);
  assert.equal(episode.open, false);
});

test("it names what is poor", () => {
  const episode = new Episode();
  told([poor, poor], episode);
  const change = episode.observe({ ...poor, rtt_ms: 500 }, 30_000);
  assert.deepEqual(change.reasons, ["packet_loss_percent", "rtt_ms"]);
});

test("windows without loss, jitter and round trip neither begin nor end anything", () => {
  assert.equal(told([poor, mute, poor, mute, poor]).at(-1), "degraded");
  const episode = new Episode();
  told([poor, poor, poor], episode);
  told([mute, mute, mute, mute], episode, 30_000);
  assert.ok(episode.open);
});

test("windows with a hole between them are not in a row", () => {
  const episode = new Episode();
  told([poor, poor], episode);
  assert.equal(episode.observe(poor, 120_000), undefined);
  assert.equal(episode.observe(poor, 130_000), undefined);
  assert.equal(episode.observe(poor, 140_000).kind, "degraded");
});

test("a long window is not a hole", () => {
  const episode = new Episode();
  told([poor, poor], episode);
  assert.equal(episode.observe({ ...poor, window_ms: 85_000 }, 105_000).kind, "degraded");
});

test("an episode that goes on is told of again after six windows", () => {
  const kinds = told(Array(15).fill(poor));
  assert.deepEqual(kinds.flatMap((kind, i) => (kind ? [[i, kind]] : [])), [
    [2, "degraded"],
    [8, "still_degraded"],
    [14, "still_degraded"],
  ]);
});

test("the first poor window already asks for a closer look", () => {
  const episode = new Episode();
  told([good], episode);
  assert.equal(episode.poor, false);
  told([poor], episode, 10_000);
  assert.equal(episode.poor, true);
  told([good], episode, 20_000);
  assert.equal(episode.poor, false);
});

test("bitrates go down and up in steps, and never above what they were", () => {
  assert.equal(stepDown(128), 96);
  assert.equal(stepDown(64.4), 48); // a measured 64
  assert.equal(stepDown(30), 24);
  assert.equal(stepDown(16), undefined);
  assert.equal(stepDown(undefined), undefined);
  assert.equal(stepUp(24, 64), 32);
  assert.equal(stepUp(48, 64), 64);
  assert.equal(stepUp(48, 50), 50);
  assert.equal(stepUp(64, 64), undefined);
  assert.equal(stepUp(24, undefined), undefined);
});

const codes = (list) => list.map((suggestion) => suggestion.code);

test("a sender is offered a lower bitrate, a listener is not", () => {
  const sender = whenDegraded(["packet_loss_percent"], { targetKbps: 64 });
  assert.equal(sender[0].code, "lower_bitrate");
  assert.equal(sender[0].bitrate_kbps, 48);
  assert.equal(codes(whenDegraded(["packet_loss_percent"], {})).includes("lower_bitrate"), false);
});

test("troubleshooting fits what is poor", () => {
  assert.deepEqual(codes(whenDegraded(["packet_loss_percent"], {})), [
    "use_cable_or_move_closer",
    "stop_other_traffic",
    "reload",
  ]);
  assert.deepEqual(codes(whenDegraded(["rtt_ms"], { protocol: "tcp" })), [
    "allow_udp",
    "turn_off_vpn",
    "reload",
  ]);
  for (const suggestion of whenDegraded(["rtt_ms", "jitter_ms"], { targetKbps: 64, protocol: "tls" })) {
    assert.ok(suggestion.text.length > 10);
  }
});

test("after recovery the bitrate may go up again, if it went down", () => {
  assert.deepEqual(codes(whenRecovered({ targetKbps: 24, before: 64 })), ["raise_bitrate"]);
  assert.deepEqual(whenRecovered({ targetKbps: 64, before: undefined }), []);
});

test("it samples every two seconds and closes within a tenth of ten, five when poor", () => {
  for (const [luck, poorly, at] of [
    [0, false, 9_000],
    [0.5, false, 10_000],
    [1, false, 11_000],
    [0.5, true, 5_000],
    [0, true, 4_500],
  ]) {
    const pace = new Pace(() => luck);
    pace.start(0);
    assert.deepEqual(pace.due(0), { sample: true, close: false });
    pace.opened(0, poorly);
    const seen = [];
    let now = 0;
    for (;;) {
      now += pace.wait(now);
      const due = pace.due(now);
      assert.ok(due.sample);
      seen.push(now);
      if (due.close) break;
    }
    assert.equal(seen.at(-1), at);
    assert.deepEqual(seen.slice(0, 2), [2_000, 4_000]);
  }
});

test("a timer that fires late is not made up for", () => {
  const pace = new Pace(() => 0.5);
  pace.start(0);
  pace.due(0);
  assert.deepEqual(pace.due(61_000), { sample: true, close: true });
  pace.opened(61_000, false);
  assert.equal(pace.wait(61_000), 2_000);
  assert.equal(pace.due(61_001).sample, false);
});

const list = (...participants) => ({ status: 200, body: { participants, count: participants.length } });

test("polling is off unless it is asked for", () => {
  const poll = new HighLossPoll(undefined, () => 0.5);
  poll.start(0);
  assert.equal(poll.due(1e12), false);
});

test("polling tells of changes only, and waits for the answer before it asks again", () => {
  const poll = new HighLossPoll({ everySeconds: 20, sinceMinutes: 3 }, () => 0.5);
  assert.equal(poll.query, "high-packet-loss?since_minutes=3");
  poll.start(0);
  assert.equal(poll.due(9_999), false);
  assert.equal(poll.due(10_000), true);
  assert.equal(poll.due(1e9), false);
  assert.equal(poll.answered(list(), 11_000), undefined);
  assert.equal(poll.due(31_000), true);
  assert.deepEqual(poll.answered(list("b", "a"), 32_000).participants, ["b", "a"]);
  assert.equal(poll.answered(list("a", "b"), 60_000), undefined);
  assert.equal(poll.answered(list(), 90_000).count, 0);
});

test("polling waits as long as it is told, and ends with the stream", () => {
  const poll = new HighLossPoll(true, () => 0.5);
  poll.start(0);
  poll.answered({ status: 503, retryAfterMs: 120_000 }, 0);
  assert.equal(poll.at, 120_000);
  poll.answered(undefined, 0);
  assert.equal(poll.at, 60_000);
  for (const status of [404, 409, 410]) {
    poll.answered({ status }, 0);
    assert.equal(poll.at, Infinity);
  }
});

test("polling with wishes out of range is refused", () => {
  for (const wish of [{ everySeconds: 1 }, { sinceMinutes: 61 }, { sinceMinutes: 0 }, { sinceMinutes: 1.5 }]) {
    assert.throws(() => new HighLossPoll(wish, () => 0), RangeError);
  }
});
