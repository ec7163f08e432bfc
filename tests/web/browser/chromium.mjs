// A headless Chromium with a fake microphone, and the page's server.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Its path, or undefined where there is none. */
export function findChromium() {
  const named = process.env.SUBCULTS_CHROMIUM;
  if (named) return named;
  const folders = (process.env.PATH ?? "").split(":");
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const folder = folders.find((one) => one && existsSync(join(one, name)));
    if (folder) return join(folder, name);
  }
  return undefined;
}

const flags = [
  "--headless",
  "--no-sandbox", // root, containers; it only ever sees our page
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-crash-reporter",
];

/** Opens a page; the returned function ends the browser and removes its profile. */
export function browse(chromium, url) {
  const profile = mkdtempSync(join(tmpdir(), "subcults-chromium-"));
  const environment = { PATH: process.env.PATH, HOME: profile };
  const browser = spawn(chromium, [...flags, `--user-data-dir=${profile}`, url], {
    env: environment,
    stdio: "ignore",
    detached: true, // a group of its own: all its processes end together
  });
  const kill = () => {
    try {
      process.kill(-browser.pid, "SIGKILL");
    } catch {
      // has ended by itself
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  process.once("exit", kill); // whatever ends the test
  const ended = new Promise((resolve) => browser.once("exit", resolve));
  return async () => {
    kill();
    await ended;
    kill();
    process.off("exit", kill);
  };
}

/** Starts the page's server; `said` is called with everything that the page says. */
export async function servePage(said) {
  const path = fileURLToPath(new URL("page-server", import.meta.url));
  const server = spawn(path, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: server.stdout });
  const port = await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", () => reject(new Error("the page's server has ended")));
    lines.once("line", (line) => resolve(JSON.parse(line).port));
  });
  process.once("exit", () => server.kill());
  lines.on("line", (line) => said(JSON.parse(line)));
  return { origin: `http://127.0.0.1:${port}`, close: () => server.kill() };
}
