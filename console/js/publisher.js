// Publishes one stream to the server by WHIP and keeps it published. No elements here.

import { removeSource } from "./api.js";
import { onGone, stopSource } from "./capture.js";
import { claimId } from "./identity.js";
import { Session } from "./session.js";

/**
 * Refusals that asking again does not change: what is offered, or who offers it, is wrong. All others pass: 404 and 429
 * come from what stands before a server that restarts, 408 and 499 from a slow line.
 */
const FATAL = new Set([400, 401, 403, 406, 413, 415]);
/** Has such a status, and yet only tells of a line that broke off. */
const PASSING = "body-incomplete";

/** H.264 first: terminals, recorders and phones all speak it. */
function preferH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const rank = (codec) => (codec.mimeType === "video/H264" ? 0 : 1);
  transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
}

export class Publisher {
  #session = null;
  #source = null;
  #id = null;

  /** `changed(state, error)`: as Session says; also "closed" with a CaptureError when camera or microphone went. */
  constructor(changed) {
    this.changed = changed;
    this.name = "";
  }

  get state() {
    return this.#session?.state ?? "closed";
  }

  get retryAt() {
    return this.#session?.retryAt ?? 0;
  }

  /** Publish `source` ({stream, stop}) under `name`; stopping stops the source too. */
  start(source, name) {
    this.stop();
    this.name = name;
    this.#source = source;
    onGone(source, (error) => this.#lost(error));
    this.#session = new Session({
      path: async () => `/whip/${await this.#claim()}?name=${encodeURIComponent(name)}`,
      prepare: (pc) => this.#prepare(pc, source.stream),
      changed: this.changed,
      fatal: (error) => FATAL.has(error.status) && error.code !== PASSING,
    });
    this.#session.open();
  }

  /** Stop for good: the source leaves everybody's wall. */
  async end() {
    this.stop();
    // Taken when the first offer was made: without one there is nothing to remove.
    if (this.#id) removeSource(await this.#id);
  }

  /** Stop sending; the source stays listed as offline, as when the page was closed. */
  stop() {
    const session = this.#session;
    this.#session = null;
    session?.close();
    if (this.#source) stopSource(this.#source);
    this.#source = null;
  }

  hurry() {
    this.#session?.hurry();
  }

  #claim() {
    this.#id ??= claimId();
    return this.#id;
  }

  #lost(error) {
    this.stop();
    this.changed("closed", error);
  }

  #prepare(pc, stream) {
    for (const track of stream.getTracks()) {
      const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      if (track.kind === "video") preferH264(transceiver);
    }
  }
}
