// One WebRTC session with the server, offered by us (WHEP to watch, WHIP to publish), kept up until closed.

import { offerSession, endSession, ApiError } from "./api.js";
import { Backoff } from "./backoff.js";
import { Turns } from "./turns.js";

const CONNECT_MS = 10000;
/** "disconnected" often heals by itself; after this long it is treated as lost. */
const HEAL_MS = 4000;
/** When the server is back, all sessions of all pages want it at once: they come within this time. */
const HURRY_MS = 2000;
/** Who is sent away right after each welcome must come less and less often: only this long a stay counts as success. */
const STEADY_MS = 10000;

/**
 * Keeps one session. `path()` gives the address to post the offer to, now or later; `prepare(pc)` adds the media;
 * `changed(state, error)` is told of "connecting", "connected", "retrying", "closed". `fatal(error)` true stops trying.
 * Offers wait for one of `turns`.
 */
export class Session {
  #pc = null;
  #location = null;
  #timer = 0;
  #abort = null;
  #backoff = new Backoff();
  #closed = true;
  #waits = false;
  #notBefore = 0;

  constructor({ path, prepare, changed, fatal = () => false, turns = new Turns(1) }) {
    this.path = path;
    this.prepare = prepare;
    this.changed = changed;
    this.fatal = fatal;
    this.turns = turns;
    this.state = "closed";
    this.retryAt = 0;
  }

  get connection() {
    return this.#pc;
  }

  open() {
    if (!this.#closed) return;
    this.#closed = false;
    this.#backoff.reset();
    this.#connect();
  }

  close() {
    this.#closed = true;
    this.#drop();
    this.#say("closed");
  }

  /** Try soon instead of when the wait is over: the network came back. An offer in hand is left to be answered. */
  hurry() {
    if (!this.#waits) return;
    const due = Math.max(performance.now(), this.#notBefore) + HURRY_MS * Math.random();
    if (due < this.retryAt) this.#wait(due);
  }

  /** Begin again although the connection looks well: no media comes. */
  renew() {
    if (!this.#closed) this.#retry(new ApiError("no-media"));
  }

  #say(state, error = null) {
    this.state = state;
    this.changed(state, error);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#waits = false;
    this.#abort?.abort();
    this.#abort = null;
    const pc = this.#pc;
    this.#pc = null;
    if (pc) {
      pc.onconnectionstatechange = null;
      pc.ontrack = null;
      pc.close();
    }
    if (this.#location) endSession(this.#location);
    this.#location = null;
  }

  async #connect() {
    this.#drop();
    if (this.#backoff.attempts === 0) this.#say("connecting");
    const abort = new AbortController();
    this.#abort = abort;
    try {
      await this.turns.take(() => this.#offer(abort.signal), abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#retry(error instanceof ApiError ? error : new ApiError("bad-answer", { detail: String(error) }));
    }
  }

  async #offer(signal) {
    // Closed between being given a turn and taking it.
    signal.throwIfAborted();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#pc = pc;
    pc.onconnectionstatechange = () => this.#watch(pc);
    this.prepare(pc);
    await pc.setLocalDescription();
    signal.throwIfAborted();
    // The server is ICE-lite and learns our addresses from our checks: no waiting for candidates.
    const { answer, location } = await offerSession(await this.path(), pc.localDescription.sdp, signal);
    if (signal.aborted) {
      if (location) endSession(location);
      return;
    }
    this.#location = location;
    this.#timer = setTimeout(() => this.#retry(new ApiError("media-blocked")), CONNECT_MS);
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
  }

  #watch(pc) {
    if (this.#pc !== pc) return;
    clearTimeout(this.#timer);
    if (pc.connectionState === "connected") {
      this.#timer = setTimeout(() => this.#backoff.reset(), STEADY_MS);
      this.#say("connected");
    } else if (pc.connectionState === "failed") {
      this.#retry(new ApiError("network"));
    } else if (pc.connectionState === "disconnected") {
      this.#timer = setTimeout(() => this.#retry(new ApiError("network")), HEAL_MS);
    } else {
      this.#timer = setTimeout(() => this.#retry(new ApiError("media-blocked")), CONNECT_MS);
    }
  }

  #retry(error) {
    this.#drop();
    if (this.#closed) return;
    if (this.fatal(error)) {
      this.#closed = true;
      this.#say("closed", error);
      return;
    }
    this.#notBefore = performance.now() + error.retryAfterMs;
    this.#wait(this.#notBefore + this.#backoff.next());
    this.#say("retrying", error);
  }

  #wait(until) {
    clearTimeout(this.#timer);
    this.#waits = true;
    this.retryAt = until;
    this.#timer = setTimeout(() => this.#connect(), until - performance.now());
  }
}
