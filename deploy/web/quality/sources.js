// Where reports come from: a Room of livekit-client, an RTCPeerConnection, several of either, or a
// function that gives one of these whenever it is asked (an application that makes a new Room when
// it reconnects).
//
// Only what is public is used, and by its shape: nothing is imported.

/** Asking for a report costs up to a millisecond or two per track. */
const mostTracks = 32;

const roomEvents = Object.freeze({
  trackMuted: "sample",
  trackUnmuted: "sample",
  localTrackPublished: "sample",
  trackSubscribed: "sample",
  reconnected: "report",
  disconnected: "report",
});

const isRoom = (thing) => typeof thing?.localParticipant === "object";
const isConnection = (thing) => typeof thing?.getStats === "function";

/** @returns {object[]} rooms and connections */
function places(thing) {
  if (thing === undefined || thing === null) return [];
  if (typeof thing === "function") return places(thing());
  if (Array.isArray(thing)) return thing.flatMap(places);
  if (isRoom(thing) || isConnection(thing)) return [thing];
  throw new TypeError("the source is neither a Room nor an RTCPeerConnection");
}

/** Publications of audio, in today's livekit-client and in the first. */
function publications(participant) {
  const all = participant?.audioTrackPublications ?? participant?.audioTracks;
  return all === undefined ? [] : [...all.values()];
}

function tracksOfRoom(room, direction) {
  const people =
    direction === "uplink"
      ? [room.localParticipant]
      : [...(room.remoteParticipants ?? room.participants ?? new Map()).values()];
  return people
    .flatMap(publications)
    .filter((publication) => typeof publication.track?.getRTCStatsReport === "function")
    .slice(0, mostTracks);
}

async function readRoom(room, directions, scope) {
  const asked = [];
  for (const direction of directions) {
    for (const publication of tracksOfRoom(room, direction)) {
      const name = `${scope}/${publication.trackSid ?? publication.track.sid}`;
      const muted = publication.isMuted === true;
      const answer = publication.track.getRTCStatsReport();
      asked.push(
        answer.then(
          (report) => report && { report, direction, scope: name, muted },
          () => undefined, // unpublished meanwhile
        ),
      );
    }
  }
  return (await Promise.all(asked)).filter((snapshot) => snapshot !== undefined);
}

/** Whether all that this connection sends is silenced on this side; undefined when unknown. */
function silenced(connection) {
  if (typeof connection.getSenders !== "function") return undefined;
  const tracks = connection
    .getSenders()
    .map((sender) => sender.track)
    .filter((track) => track?.kind === "audio");
  return tracks.every((track) => !track.enabled || track.muted);
}

async function readConnection(connection, directions, scope) {
  if (connection.connectionState === "closed") return [];
  const report = await connection.getStats();
  return directions.map((direction) => ({
    report,
    direction,
    scope,
    // Nobody tells a listener that the other side has muted.
    muted: direction === "uplink" ? silenced(connection) : undefined,
  }));
}

const identities = new WeakMap();
let lastIdentity = 0;

/** A short name that stays with the object. */
function identity(object) {
  if (!identities.has(object)) identities.set(object, String((lastIdentity += 1)));
  return identities.get(object);
}

/**
 * The reports of this moment.
 * @typedef {{ report: RTCStatsReport, direction: string, scope: string, muted?: boolean }} Snapshot
 * @returns {Promise<Snapshot[]>}
 */
export async function snapshots(source, directions) {
  const found = await Promise.all(
    places(source).map((place) => {
      const read = isRoom(place) ? readRoom : readConnection;
      return read(place, directions, identity(place)).catch(() => []);
    }),
  );
  return found.flat();
}

/** What sends audio: for lowering its bitrate. @returns {RTCRtpSender[]} */
export function audioSenders(source) {
  return places(source).flatMap((place) => {
    const senders = isRoom(place)
      ? publications(place.localParticipant).map((publication) => publication.track?.sender)
      : (place.getSenders?.() ?? []).filter((sender) => sender.track?.kind === "audio");
    return senders.filter((sender) => typeof sender?.setParameters === "function");
  });
}

/**
 * Writes a window into the participant's attribute `aq`, where the service finds it in LiveKit's
 * own list. The server sends every change to everybody in the room.
 */
export function showAttribute(source, text) {
  for (const place of places(source)) {
    if (!isRoom(place)) continue;
    // Without the grant, and without a connection, there is simply no attribute.
    const person = place.localParticipant;
    const shown = Promise.resolve().then(() => person.setAttributes?.({ aq: text }));
    shown.catch(() => {});
  }
}

/**
 * Tells when something has happened that should not wait for the next sample. Watches what the
 * source is made of now.
 * @param {(what: "sample" | "report") => void} listener
 * @returns {() => void} stops watching
 */
export function watch(source, listener) {
  const undo = [];
  for (const place of places(source)) {
    if (isRoom(place)) {
      for (const [event, what] of Object.entries(roomEvents)) {
        const told = () => listener(what);
        place.on?.(event, told);
        undo.push(() => place.off?.(event, told));
      }
    } else {
      const told = () => listener("sample");
      place.addEventListener?.("connectionstatechange", told);
      undo.push(() => place.removeEventListener?.("connectionstatechange", told));
    }
  }
  return () => undo.forEach((step) => step());
}
