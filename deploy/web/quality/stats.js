// From an RTCStatsReport to the few counters that matter, whatever browser wrote it.
//
// - Loss, jitter and round trip of what we send are known to the other side only: they are in
//   remote-inbound-rtp, which is missing for the first seconds and changes only when a receiver
//   report has come. Its timestamp says which one that is.
// - Firefox has no transport entries (the pair in use says `selected`), no energy in media-source,
//   and shows no pair's round trip before version 134 or so; old Safari says mediaType for kind.
// - A missing field stays undefined. It is never zero.
//
// Pure functions; the report is anything with forEach and get.

/**
 * @typedef {object} TrackReading
 * @property {string} key        what the counters belong to: direction, scope and entry
 * @property {"uplink" | "downlink"} direction
 * @property {number | undefined} ssrc
 * @property {number} at         the report's clock, ms
 * @property {number | undefined} bytes    payload, without RTP headers
 * @property {number | undefined} packets  sent, or received
 * @property {number | undefined} lost     may fall: duplicates and late arrivals count backwards
 * @property {number | undefined} jitter   seconds
 * @property {number | undefined} heardAt  ms; uplink: when the receiver report came
 * @property {number | undefined} rtt      seconds, latest
 * @property {number | undefined} rttTotal seconds
 * @property {number | undefined} rttCount
 * @property {number | undefined} energy
 * @property {number | undefined} seconds  of sound that `energy` is about
 * @property {number | undefined} level    latest, 0 to 1
 * @property {number | undefined} targetKbps
 * @property {boolean | undefined} muted
 */

/**
 * @typedef {object} PathReading
 * @property {string} key
 * @property {number | undefined} rtt      seconds, latest
 * @property {number | undefined} rttTotal seconds
 * @property {number | undefined} rttCount
 * @property {boolean} relayed
 * @property {string | undefined} protocol udp, tcp or tls
 */

const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);

const isAudio = (entry) => (entry.kind ?? entry.mediaType) === "audio" && entry.isRemote !== true;

function find(report, wanted) {
  let found;
  report.forEach((entry) => {
    if (found === undefined && wanted(entry)) found = entry;
  });
  return found;
}

function readUplink(report, entry) {
  const remote =
    report.get(entry.remoteId) ??
    find(
      report,
      (other) =>
        other.type === "remote-inbound-rtp" &&
        (other.localId === entry.id || (other.localId === undefined && other.ssrc === entry.ssrc)),
    );
  const source =
    report.get(entry.mediaSourceId) ??
    find(report, (other) => other.type === "media-source" && other.kind === "audio");
  const target = number(entry.targetBitrate);
  return {
    bytes: number(entry.bytesSent),
    packets: number(entry.packetsSent),
    lost: number(remote?.packetsLost),
    jitter: number(remote?.jitter),
    heardAt: number(remote?.timestamp),
    rtt: number(remote?.roundTripTime),
    rttTotal: number(remote?.totalRoundTripTime),
    rttCount: number(remote?.roundTripTimeMeasurements),
    energy: number(source?.totalAudioEnergy),
    seconds: number(source?.totalSamplesDuration),
    level: number(source?.audioLevel),
    targetKbps: target === undefined ? undefined : target / 1000,
  };
}

function readDownlink(report, entry) {
  const remote = report.get(entry.remoteId);
  return {
    bytes: number(entry.bytesReceived),
    packets: number(entry.packetsReceived),
    lost: number(entry.packetsLost),
    jitter: number(entry.jitter),
    rtt: number(remote?.roundTripTime),
    rttTotal: number(remote?.totalRoundTripTime),
    rttCount: number(remote?.roundTripTimeMeasurements),
    energy: number(entry.totalAudioEnergy),
    seconds: number(entry.totalSamplesDuration),
    level: number(entry.audioLevel),
  };
}

/** The candidate pair that media goes through. */
function pairInUse(report, transportId) {
  const transport =
    report.get(transportId) ??
    find(report, (entry) => entry.type === "transport" && entry.selectedCandidatePairId);
  const selected = report.get(transport?.selectedCandidatePairId);
  if (selected) return selected;
  let best;
  report.forEach((entry) => {
    if (entry.type !== "candidate-pair") return;
    if (!entry.selected && !(entry.nominated && entry.state === "succeeded")) return;
    const better = entry.selected && !best?.selected;
    if (best === undefined || better) best = entry;
  });
  return best;
}

function readPath(report, transportId) {
  const pair = pairInUse(report, transportId);
  if (!pair) return undefined;
  const local = report.get(pair.localCandidateId);
  return {
    key: pair.id,
    rtt: number(pair.currentRoundTripTime),
    rttTotal: number(pair.totalRoundTripTime),
    rttCount: number(pair.responsesReceived),
    relayed: local?.candidateType === "relay",
    protocol: local?.relayProtocol ?? local?.protocol,
  };
}

/**
 * What one report says about one direction.
 * @param {RTCStatsReport} report
 * @param {"uplink" | "downlink"} direction
 * @param {string} scope  tells reports of several connections or tracks apart
 * @param {boolean} [muted]
 * @returns {{ tracks: TrackReading[], paths: PathReading[] }}
 */
export function readReport(report, direction, scope, muted) {
  const type = direction === "uplink" ? "outbound-rtp" : "inbound-rtp";
  const tracks = [];
  let transportId;
  report.forEach((entry) => {
    if (entry.type !== type || !isAudio(entry) || number(entry.timestamp) === undefined) return;
    transportId ??= entry.transportId;
    const values = direction === "uplink" ? readUplink(report, entry) : readDownlink(report, entry);
    const ssrc = number(entry.ssrc);
    tracks.push({
      key: `${scope}/${entry.id}`,
      direction,
      ssrc,
      at: entry.timestamp,
      muted,
      ...values,
    });
  });
  const path = tracks.length > 0 ? readPath(report, transportId) : undefined;
  return { tracks, paths: path ? [path] : [] };
}
