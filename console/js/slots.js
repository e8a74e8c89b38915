// Which line of a connection carries what is taken or published; lines that are let go are used again. No elements.

import { lostLayers, setLayers, setSteps } from "./encodings.js";
import { offerable } from "./lines.js";

/** The lines of one RTCPeerConnection. A handle is {way: "send" or "receive", kind, source, name or context, track}. */
export class Slots {
  #slots = [];

  /** The transport that all lines share, once there is one. */
  get transport() {
    return this.#slots[0]?.transceiver.receiver.transport ?? null;
  }

  transceiver(handle) {
    return this.#of(handle)?.transceiver;
  }

  /** Send this track on a handle's line; null: nothing. */
  async send(handle, track) {
    try {
      await this.transceiver(handle)?.sender.replaceTrack(track);
    } catch {
      // The connection was closed meanwhile; the next one is given the track when it is made.
    }
  }

  /** Of what is sent on line `mid` these layers are needed; the others rest. */
  need(mid, rids) {
    const slot = this.#slots.find(({ transceiver }) => transceiver.mid === mid);
    if (slot?.handle?.encodings) this.#need(slot, rids);
  }

  free(handle) {
    const slot = this.#of(handle);
    if (slot) slot.handle = null;
  }

  /** Give every wanted handle a line: a free one of its kind and way, or a new one; lines left over rest. */
  fill(pc, wanted) {
    for (const handle of wanted) {
      if (this.#of(handle)) continue;
      const like = `${handle.way} ${handle.kind} ${JSON.stringify(handle.encodings ?? null)}`;
      const free = this.#slots.find((item) => !item.handle && item.like === like);
      const slot = free && !this.#retire(free, handle) ? free : this.#add(pc, handle, like);
      Object.assign(slot, { handle, told: false });
      if (handle.way === "send") this.send(handle, handle.track);
      // What was needed of the one before says nothing of this one.
      if (handle.encodings) this.#need(slot, null);
    }
    for (const { handle, transceiver } of this.#slots) {
      const direction = handle ? `${handle.way === "send" ? "send" : "recv"}only` : "inactive";
      if (transceiver.direction !== direction) transceiver.direction = direction;
    }
  }

  /** What each line shall carry, as the server is told it. */
  lines() {
    return this.#slots.filter((slot) => slot.handle).map(describe);
  }

  /** These lines have been answered: the handles that have their track now, unless they were let go meanwhile. */
  agree(lines) {
    const mids = new Set(lines.map((line) => line.mid));
    // An answer to an offer that was made before it was said switches layers on again.
    for (const slot of this.#slots) if (slot.handle?.encodings) this.#need(slot, slot.rids);
    const agreed = this.#slots.filter((slot) => slot.handle && !slot.told && mids.has(slot.transceiver.mid));
    return agreed.map((slot) => {
      const { handle, transceiver } = slot;
      slot.told = true;
      if (handle.way === "receive") handle.track = transceiver.receiver.track;
      if (handle.way === "send" && handle.kind === "video") this.#turn(slot, setSteps);
      return handle;
    });
  }

  /** The connection is gone, and what came over it. */
  clear() {
    for (const { handle } of this.#slots) if (handle?.way === "receive") handle.track = null;
    this.#slots = [];
  }

  #of(handle) {
    return this.#slots.find((slot) => slot.handle === handle);
  }

  /** A line that has lost its layers is of no use for `handle`: its place goes to a later one. True if it was. */
  #retire(slot, { encodings = null }) {
    if (!lostLayers(slot.transceiver.sender, encodings)) return false;
    slot.transceiver.stop();
    this.#slots.splice(this.#slots.indexOf(slot), 1);
    return true;
  }

  #need(slot, rids) {
    slot.rids = rids;
    this.#turn(slot, (sender) => setLayers(sender, rids));
  }

  /** Change the parameters of a sender, after what changes them already. Without a connection there is no matter. */
  #turn(slot, act) {
    slot.turns = slot.turns.then(() => act(slot.transceiver.sender)).catch(() => {});
  }

  #add(pc, { way, kind, encodings }, like) {
    const direction = way === "send" ? "sendonly" : "recvonly";
    const transceiver = pc.addTransceiver(kind, { direction, ...(encodings ? { sendEncodings: encodings } : {}) });
    transceiver.setCodecPreferences(offerable(RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []));
    const slot = { transceiver, like, handle: null, told: false, rids: null, turns: Promise.resolve() };
    this.#slots.push(slot);
    return slot;
  }
}

function describe({ handle, transceiver }) {
  const { way, kind, source, name, context } = handle;
  return { handle, mid: transceiver.mid, way, kind, source, ...(way === "send" ? { name } : { context }) };
}
