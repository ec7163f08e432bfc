// One page, two connections: what the first sends from the (fake) microphone, the second hears. Each
// person of the test reports one end of it to the API that the address names:
//
//   page.html?plan={"api":URL,"stream":ID,"seconds":N,"people":[{"name":…,"token":…,"end":…}]}
//
// `end` is sender or receiver; `loss` adds so many percent to what its connection has counted, which no
// loopback would lose by itself; `tokens` are handed out one after the other, the last for ever. With
// `mute_at` the microphone is silenced after so many seconds; with `then` the page loads itself anew
// with that plan, like a user who reloads. Whatever happens is said to the page's server.
import { QualityReporter } from "./module/quality-reporter.js";

const plan = JSON.parse(new URLSearchParams(location.search).get("plan"));

function say(event, facts = {}) {
  const body = JSON.stringify({ event, phase: plan.phase ?? 1, ...facts });
  return fetch("/said", { method: "POST", body, keepalive: true });
}

const after = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

async function connect(stream) {
  const sender = new RTCPeerConnection();
  const receiver = new RTCPeerConnection();
  for (const [one, other] of [[sender, receiver], [receiver, sender]]) {
    one.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate) other.addIceCandidate(candidate);
    });
  }
  receiver.addEventListener("track", ({ streams }) => {
    const audio = document.createElement("audio"); // what is not played is not decoded
    audio.srcObject = streams[0];
    audio.play();
    document.body.append(audio);
  });
  for (const track of stream.getTracks()) sender.addTrack(track, stream);
  await sender.setLocalDescription();
  await receiver.setRemoteDescription(sender.localDescription);
  await receiver.setLocalDescription();
  await sender.setRemoteDescription(receiver.localDescription);
  return { sender, receiver };
}

/** The same connection, on a network that loses packets. */
function worsened(connection, percent) {
  const worse = (entry) => {
    const copy = { ...entry };
    const counted = entry.type === "inbound-rtp" ? entry.packetsReceived : entry.packetsSentThen;
    if (counted !== undefined) copy.packetsLost += Math.floor((counted * percent) / (100 - percent));
    return copy;
  };
  return {
    getSenders: () => connection.getSenders(),
    async getStats() {
      const report = new Map(await connection.getStats());
      for (const [id, entry] of report) {
        if (entry.type === "inbound-rtp") report.set(id, worse(entry));
        if (entry.type !== "remote-inbound-rtp") continue;
        const { packetsSent } = report.get(entry.localId);
        report.set(id, worse({ ...entry, packetsSentThen: packetsSent }));
      }
      return report;
    },
  };
}

function reporterOf(person, connections) {
  const { name, end, loss, tokens } = person;
  const connection = connections[end];
  let handedOut = 0;
  return new QualityReporter({
    source: loss ? worsened(connection, loss) : connection,
    apiUrl: plan.api,
    streamId: plan.stream,
    token: ({ refresh }) => {
      if (refresh) handedOut += 1;
      return tokens[Math.min(handedOut, tokens.length - 1)];
    },
    pollHighPacketLoss: person.poll ? { everySeconds: 10 } : undefined,
    onWindow: (window) => say("window", { name, window }),
    onDegraded: async ({ suggestions, reasons, path }) => {
      const codes = suggestions.map((suggestion) => suggestion.code);
      const lower = suggestions.find((suggestion) => suggestion.code === "lower_bitrate");
      const changed = await lower?.apply();
      const [encoding] = connections.sender.getSenders()[0].getParameters().encodings;
      const limit = encoding.maxBitrate;
      say("degraded", { name, codes, reasons, path, changed, wanted: lower?.bitrate_kbps, limit });
    },
    onHighPacketLoss: (news) => say("high_packet_loss", { name, count: news.count }),
    onRejected: (rejected) => say("rejected", { name, rejected }),
    onError: (error) => say("error", { name, ...error }),
    onStopped: ({ reason }) => say("stopped", { name, reason }),
  });
}

async function main() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const connections = await connect(stream);
  for (const person of plan.people) reporterOf(person, connections).start();
  await say("started", { origin: location.origin });
  if (plan.mute_at) {
    await after(plan.mute_at);
    for (const track of stream.getTracks()) track.enabled = false;
    await say("muted");
  }
  await after(plan.seconds - (plan.mute_at ?? 0));
  await say("done");
  if (plan.then) {
    const next = { ...plan, mute_at: undefined, then: undefined, ...plan.then };
    location.search = `?${new URLSearchParams({ plan: JSON.stringify(next) })}`;
  }
}

main().catch((error) => say("failed", { error: String(error?.stack ?? error) }));
