// LiveKit's own server SDK looks at what the product makes, and makes what the product must accept.
//
//   node check.mjs token   KEY SECRET TOKEN           prints the claims as JSON, or fails
//   node check.mjs sign    KEY SECRET BODY            prints the Authorization header of a webhook
//   node check.mjs receive KEY SECRET BODY HEADER     fails unless it is a webhook of ours
//   node check.mjs people  KEY SECRET URL ROOM        prints the identities in a room
//
// The SDK is looked for beside this file and in SUBCULTS_NODE_MODULES. Status 77 = not installed.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
import { fileURLToPath, pathToFileURL } from "node:url";

async function load() {
  for (const place of [process.env.SUBCULTS_NODE_MODULES, fileURLToPath(import.meta.url)]) {
    if (!place) continue;
    try {
      const base = place.endsWith(".mjs") ? place : `${place}/.`;
      return await import(pathToFileURL(createRequire(base).resolve("livekit-server-sdk")).href);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  console.error("livekit-server-sdk is not installed");
  process.exit(77);
}

const [action, key, secret, first, second] = process.argv.slice(2);
const sdk = await load();

if (action === "token") {
  const claims = await new sdk.TokenVerifier(key, secret).verify(first);
  console.log(JSON.stringify(claims));
} else if (action === "sign") {
  const token = new sdk.AccessToken(key, secret);
  token.sha256 = createHash("sha256").update(first).digest("base64");
  console.log(await token.toJwt());
} else if (action === "receive") {
  await new sdk.WebhookReceiver(key, secret).receive(first, second);
  console.log("accepted");
} else if (action === "people") {
  const people = await new sdk.RoomServiceClient(first, key, secret).listParticipants(second);
  console.log(people.map((person) => person.identity).join(" "));
} else {
  console.error(`no such action: ${action}`);
  process.exit(2);
}
