// Publishes one stream to the server by WHIP and keeps it published. No elements here.

import { removeSource } from "./api.js";
import { Session } from "./session.js";

const KEEP = "huishang.publish.id";

/** This tab's source id: the same after a reload, another in the next tab. */
function sourceId() {
  let id = sessionStorage.getItem(KEEP);
  if (!id) {
    const random = crypto.getRandomValues(new Uint8Array(5));
    id = `page-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    sessionStorage.setItem(KEEP, id);
  }
  return id;
}

/** H.264 first: terminals, recorders and phones all speak it. */
function preferH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const rank = (codec) => (codec.mimeType === "video/H264" ? 0 : 1);
  transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
}

export class Publisher {
  #session = null;
  #source = null;

  /** `changed(state, error)`: as Session says. */
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
    this.#session = new Session({
      path: () => `/whip/${sourceId()}?name=${encodeURIComponent(name)}`,
      prepare: (pc) => this.#prepare(pc, source.stream),
      changed: this.changed,
      fatal: (error) => error.status >= 400 && error.status < 500,
    });
    this.#session.open();
  }

  /** Stop for good: the source leaves everybody's wall. */
  end() {
    this.stop();
    removeSource(sourceId());
  }

  /** Stop sending; the source stays listed as offline, as when the page was closed. */
  stop() {
    const session = this.#session;
    this.#session = null;
    session?.close();
    for (const track of this.#source?.stream.getTracks() ?? []) track.stop();
    this.#source?.stop();
    this.#source = null;
  }

  hurry() {
    this.#session?.hurry();
  }

  #prepare(pc, stream) {
    for (const track of stream.getTracks()) {
      const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      if (track.kind === "video") preferH264(transceiver);
    }
  }
}
