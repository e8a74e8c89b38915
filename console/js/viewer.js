// Watches one source: a receive-only session, its stream, and its figures once a second. No elements here.

import { Session } from "./session.js";
import { figures, sample } from "./stats.js";
import { Turns } from "./turns.js";

const HISTORY = 120;
/** Media flows at the server but none can be shown here (lost way, changed codec): begin again after this long. */
const NOTHING_COMES_S = 10;
/** A browser holds six connections to a server: offers that wait there must not keep the list of sources waiting. */
const offers = new Turns(3);

export class Viewer {
  #session;
  #before = null;
  #dry = 0;

  constructor(sourceId, changed) {
    this.stream = new MediaStream();
    this.figures = null;
    /** The last two minutes, newest last: {bitsPerSecond, loss, delayMs}. */
    this.history = [];
    /** The server lets this token see the source in the list, but not watch it. */
    this.refused = false;
    this.#session = new Session({
      path: () => `/whep/${encodeURIComponent(sourceId)}`,
      prepare: (pc) => this.#prepare(pc),
      turns: offers,
      // Asking again does not give a right that the token has not.
      fatal: (error) => error.code === "unauthorized" || error.code === "forbidden",
      changed: (state, error) => {
        this.refused = state === "closed" && error !== null;
        if (state !== "connected") this.#before = null;
        changed(state, error);
      },
    });
  }

  get link() {
    return this.#session.state;
  }

  open() {
    this.#session.open();
  }

  close() {
    this.#session.close();
    this.figures = null;
  }

  hurry() {
    // Another token, or a right given meanwhile, may open what was shut.
    if (this.refused) this.open();
    else this.#session.hurry();
  }

  /**
   * Take figures. `flowing`: what the server gets and we should see or hear, "video", "audio" or null;
   * `delay(captureUtc)`: age of a capture in ms. True if new frames came.
   */
  async sample(flowing, delay) {
    const pc = this.#session.connection;
    if (!pc || this.link !== "connected") {
      this.figures = null;
      return false;
    }
    const now = sample(await pc.getStats());
    if (pc !== this.#session.connection) return false;
    const found = figures(now, this.#before);
    this.#before = now;
    found.delayMs = found.capture ? Math.max(0, delay(found.capture.utc)) : null;
    this.figures = found;
    this.history.push({ bitsPerSecond: found.bitsPerSecond, loss: found.loss, delayMs: found.delayMs });
    if (this.history.length > HISTORY) this.history.shift();
    this.#watchDry(flowing !== null && (flowing === "video" ? found.newFrames : found.newPackets) === 0);
    return found.newFrames > 0;
  }

  /** Loudness of the sound being received, 0-1. */
  loudness() {
    for (const receiver of this.#session.connection?.getReceivers() ?? []) {
      if (receiver.track.kind !== "audio") continue;
      const [spoken] = receiver.getSynchronizationSources();
      if (spoken?.audioLevel !== undefined) return spoken.audioLevel;
    }
    return 0;
  }

  #watchDry(dry) {
    this.#dry = dry ? this.#dry + 1 : 0;
    if (this.#dry < NOTHING_COMES_S) return;
    this.#dry = 0;
    this.#session.renew();
  }

  #prepare(pc) {
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
    // Picture and sound under one stream, so that the browser plays them in step and can tell their capture time.
    pc.ontrack = ({ track }) => this.stream.addTrack(track);
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
  }
}
