// What a browser provides, in one object, so that tests can provide it instead.

/** The storage of the origin, or undefined where the user has forbidden it (asking may throw). */
function storage() {
  try {
    return globalThis.localStorage ?? undefined;
  } catch {
    return undefined;
  }
}

export function browserEnvironment() {
  return {
    fetch: (...request) => globalThis.fetch(...request),
    setTimeout: (task, ms) => globalThis.setTimeout(task, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    /** ms, never goes back; may stand still while the device sleeps. */
    now: () => globalThis.performance.now(),
    /** ms since 1970, as the device has it. */
    wallClock: () => Date.now(),
    random: () => Math.random(),
    storage: storage(),
    page: { window: globalThis.window, document: globalThis.document },
    reportError: (error) => globalThis.console?.warn("quality reporter:", error),
  };
}
