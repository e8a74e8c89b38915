// Watches one source: a receive-only session, its stream, and its figures once a second. No elements here.

import { Session } from "./session.js";
import { figures, sample } from "./stats.js";
import { Turns } from "./turns.js";

const HISTORY = 120;
/** Media flows at the server but none can be shown here (lost way, changed codec): begin again after this long. */
const NOTHING_COMES_S = 10;
/** A browser holds six connections to a server: offers that wait there must not keep the list of sources waiting. */
const offers = new Turns(3);
const MEDIA = { all: ["video", "audio"], sound: ["audio"] };

export class Viewer {
  /** The watch that is seen and heard, and the one that takes over from it when it is connected. */
  #now = null;
  #next = null;
  #before = null;
  #dry = 0;

  constructor(sourceId, changed) {
    this.sourceId = sourceId;
    this.changed = changed;
    this.stream = new MediaStream();
    this.figures = null;
    /** What is asked for: "all", "sound" or "nothing". */
    this.kind = "nothing";
    /** The last two minutes, newest last: {bitsPerSecond, loss, delayMs}. */
    this.history = [];
    /** The server lets this token see the source in the list, but not watch it. */
    this.refused = false;
  }

  get link() {
    return this.#now?.session.state ?? "closed";
  }

  /** Ask for "all", "sound" or "nothing". What is heard goes on until the other session has taken over. */
  watch(kind) {
    if (kind === this.kind) return;
    this.kind = kind;
    this.#next?.session.close();
    this.#next = null;
    if (kind === "nothing") this.#end();
    else if (this.link !== "connected") this.#begin(kind);
    else if (this.#now.kind !== kind) this.#next = this.#open(kind);
  }

  close() {
    this.watch("nothing");
  }

  hurry() {
    // Another token, or a right given meanwhile, may open what was shut.
    if (this.refused) this.#now.session.open();
    else this.#now?.session.hurry();
    this.#next?.session.hurry();
  }

  /**
   * Take figures. `flowing`: what the server gets and we should see or hear, "video", "audio" or null;
   * `delay(captureUtc)`: age of a capture in ms. True if new frames came.
   */
  async sample(flowing, delay) {
    const pc = this.#now?.session.connection;
    if (!pc || this.link !== "connected") {
      this.figures = null;
      return false;
    }
    const now = sample(await pc.getStats());
    if (pc !== this.#now?.session.connection) return false;
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
    for (const receiver of this.#now?.session.connection?.getReceivers() ?? []) {
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
    this.#now.session.renew();
  }

  #begin(kind) {
    this.#end();
    // Known before it opens, because opening already says that it connects.
    this.#now = this.#make(kind);
    this.#now.session.open();
  }

  #end() {
    const old = this.#now;
    this.#now = null;
    this.#before = null;
    this.figures = null;
    this.refused = false;
    old?.session.close();
    this.#play([]);
  }

  #open(kind) {
    const watch = this.#make(kind);
    watch.session.open();
    return watch;
  }

  #make(kind) {
    const watch = { kind, tracks: [], session: null };
    watch.session = new Session({
      path: () => `/whep/${encodeURIComponent(this.sourceId)}`,
      prepare: (pc) => this.#prepare(pc, watch),
      turns: offers,
      // Asking again does not give a right that the token has not.
      fatal: (error) => error.code === "unauthorized" || error.code === "forbidden",
      changed: (state, error) => this.#turned(watch, state, error),
    });
    return watch;
  }

  #turned(watch, state, error) {
    if (watch === this.#next && state === "connected") {
      this.#next = null;
      this.#end();
      this.#now = watch;
      this.#play(watch.tracks);
    }
    // Until it takes over, its troubles are its own.
    if (watch !== this.#now) return;
    this.refused = state === "closed" && error !== null;
    if (state !== "connected") this.#before = null;
    this.changed(state, error);
  }

  #prepare(pc, watch) {
    watch.tracks = [];
    // Picture and sound under one stream, so that the browser plays them in step and can tell their capture time.
    pc.ontrack = ({ track }) => {
      watch.tracks.push(track);
      if (watch === this.#now) this.#play(watch.tracks);
    };
    for (const kind of MEDIA[watch.kind]) pc.addTransceiver(kind, { direction: "recvonly" });
  }

  /** Let the stream have these tracks and no others. */
  #play(tracks) {
    for (const track of this.stream.getTracks()) if (!tracks.includes(track)) this.stream.removeTrack(track);
    for (const track of tracks) this.stream.addTrack(track);
  }
}
