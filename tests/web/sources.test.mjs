import assert from "node:assert/strict";
import { test } from "node:test";

import { limitBitrate } from "../../deploy/web/quality/bitrate.js";
import { audioSenders, snapshots, watch } from "../../deploy/web/quality/sources.js";
import { receiving, sending } from "./reports.mjs";

const both = ["uplink", "downlink"];

const publication = (sid, report, isMuted = false, more = {}) => ({
  trackSid: sid,
  isMuted,
  track: { sid, getRTCStatsReport: async () => report, ...more },
});

const people = (...publications) => ({
  audioTrackPublications: new Map(publications.map((one) => [one.trackSid, one])),
});

/** Shaped like a Room of livekit-client 2. */
function room() {
  const listeners = new Map();
  return {
    listeners,
    localParticipant: people(publication("TR_mic", sending(5), true, { sender: { setParameters() {} } })),
    remoteParticipants: new Map([
      ["a", people(publication("TR_a", receiving(5)))],
      ["b", people({ trackSid: "TR_b", isMuted: false, track: undefined })], // not subscribed
      ["c", people(publication("TR_c", receiving(5), true))],
    ]),
    on: (event, listener) => listeners.set(event, listener),
    off: (event, listener) => listeners.get(event) === listener && listeners.delete(event),
  };
}

test("a room gives its own tracks as uplink and those it hears as downlink", async () => {
  const found = await snapshots(room(), both);
  assert.deepEqual(
    found.map(({ direction, muted, scope }) => [direction, muted, scope.split("/")[1]]),
    [
      ["uplink", true, "TR_mic"],
      ["downlink", false, "TR_a"],
      ["downlink", true, "TR_c"],
    ],
  );
  assert.equal((await snapshots(room(), ["downlink"])).length, 2);
});

test("the first livekit-client named things differently", async () => {
  const old = {
    localParticipant: { audioTracks: new Map([["TR_1", publication("TR_1", sending(1))]]) },
    participants: new Map([["a", { audioTracks: new Map([["TR_2", publication("TR_2", receiving(1))]]) }]]),
  };
  assert.deepEqual((await snapshots(old, both)).map(({ direction }) => direction), both);
});

test("tracks without a report, or with an error for one, are left out", async () => {
  const failing = publication("TR_x", undefined);
  failing.track.getRTCStatsReport = () => Promise.reject(new Error("gone"));
  const one = { localParticipant: people(publication("TR_none", undefined), failing), remoteParticipants: new Map() };
  assert.deepEqual(await snapshots(one, both), []);
});

test("a crowded room is looked at only in part", async () => {
  const crowd = room();
  crowd.remoteParticipants = new Map(
    Array.from({ length: 200 }, (_, i) => [`p${i}`, people(publication(`TR_${i}`, receiving(1)))]),
  );
  assert.equal((await snapshots(crowd, ["downlink"])).length, 32);
});

test("a connection is asked once for both directions", async () => {
  let asked = 0;
  const connection = {
    getStats: async () => {
      asked += 1;
      return sending(5);
    },
  };
  const found = await snapshots(connection, both);
  assert.equal(asked, 1);
  assert.deepEqual(found.map(({ muted }) => muted), [undefined, undefined]);
});

test("a connection is muted when all that it sends is", async () => {
  const track = (enabled, muted = false) => ({ track: { kind: "audio", enabled, muted } });
  for (const [senders, muted] of [
    [[track(true)], false],
    [[track(false)], true],
    [[track(true, true)], true],
    [[track(false), track(true)], false],
    [[{ track: null }], true],
    [[{ track: { kind: "video", enabled: true } }, track(false)], true],
  ]) {
    const connection = { getStats: async () => sending(5), getSenders: () => senders };
    assert.equal((await snapshots(connection, ["uplink"]))[0].muted, muted);
  }
});

test("a closed connection is not asked, and one that fails takes nobody with it", async () => {
  let asked = 0;
  const closed = { connectionState: "closed", getStats: () => (asked += 1) };
  const failing = { getStats: () => Promise.reject(new Error("x")) };
  const good = { getStats: async () => sending(5) };
  assert.equal((await snapshots([closed, failing, good], ["uplink"])).length, 1);
  assert.equal(asked, 0);
});

test("the same connection keeps its scope, another has its own", async () => {
  const connection = () => ({ getStats: async () => sending(5) });
  const [one, other] = [connection(), connection()];
  const first = await snapshots([one, other], ["uplink"]);
  const second = await snapshots([other, one], ["uplink"]);
  assert.notEqual(first[0].scope, first[1].scope);
  assert.equal(first[0].scope, second[1].scope);
});

test("a source may be a function, and may have nothing yet", async () => {
  assert.deepEqual(await snapshots(() => undefined, both), []);
  assert.equal((await snapshots(() => [{ getStats: async () => sending(5) }], ["uplink"])).length, 1);
  await assert.rejects(snapshots({}, both), TypeError);
});

test("a room tells of mutes and reconnections until it is left alone", () => {
  const one = room();
  const told = [];
  const leave = watch(one, (what) => told.push(what));
  one.listeners.get("trackMuted")();
  one.listeners.get("reconnected")();
  assert.deepEqual(told, ["sample", "report"]);
  leave();
  assert.equal(one.listeners.size, 0);
});

test("senders that cannot be limited do not matter to those that can", async () => {
  const good = {
    getParameters: () => ({ encodings: [{}, {}] }),
    setParameters: async (parameters) => (good.set = parameters),
  };
  const broken = { getParameters: () => assert.fail("x"), setParameters() {} };
  const fresh = { getParameters: () => ({ encodings: [] }), setParameters: () => assert.fail("x") };
  assert.equal(await limitBitrate([broken, fresh, good], 24), 1);
  assert.deepEqual(good.set.encodings, [{ maxBitrate: 24_000 }, { maxBitrate: 24_000 }]);
  assert.equal(audioSenders(room()).length, 1);
  assert.equal(audioSenders({ getStats() {} }).length, 0);
});
