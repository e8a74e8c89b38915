// The page's media connection as the views use it: lines that are taken or published, and what became of each.

import { ApiError } from "./api.js";
import { Connection } from "./connection.js";
import { qualityOf } from "./quality.js";
import { Refusal } from "./wire.js";

const QUALITY_MS = 10000;

/** What tells one line from another, in an offer and in the server's word about it. */
const keyOf = ({ way, kind, source, context = "" }) => `${way} ${kind} ${source} ${context}`;

/** A line of an offer as the server reads it. Pure. */
export function asked({ mid, way, kind, source, name, context }) {
  return way === "send" ? { mid, send: { source, kind, name } } : { mid, receive: { source, kind, context } };
}

/** One thing taken or published. `state`: "connecting", "open", "paused", "closed" or "retrying"; `code`: why. */
class Line {
  constructor(media, handle, changed) {
    this.media = media;
    this.handle = handle;
    this.changed = changed;
    this.flow = "";
    this.flowCode = "";
  }

  get track() {
    return this.handle.track;
  }

  get code() {
    return this.flowCode || (this.media.state === "retrying" ? this.media.code : "");
  }

  get state() {
    if (this.media.state === "retrying") return "retrying";
    if (this.flow === "closed") return "closed";
    if (!this.handle.track || this.media.state !== "connected") return "connecting";
    return this.flow === "paused" ? "paused" : "open";
  }

  loudness() {
    return this.media.connection.loudness(this.handle);
  }
}

export class Media {
  #lines = new Set();
  #byMid = new Map();
  #life = 0;
  /** Of the connection, as the server knows it. */
  #number = 0;
  #counts = null;

  /** `link`: carries offers; `changed()` when the state of the connection did. */
  constructor({ link, changed }) {
    this.link = link;
    this.changed = changed;
    this.code = "";
    this.connection = new Connection({
      exchange: (sdp, lines, fresh) => this.#exchange(sdp, lines, fresh),
      changed: (_, error) => this.#turned(error),
      agreed: (handle) => this.#agreed(handle),
    });
    setInterval(() => this.#tell(), QUALITY_MS);
  }

  /** Let go of everything: signed out, or the page goes. */
  close() {
    this.#lines.clear();
    this.connection.close();
    this.link.tell({ t: "hangup" });
  }

  /** "connecting", "connected", "retrying" or "closed". */
  get state() {
    return this.connection.state;
  }

  get retryAt() {
    return this.connection.retryAt;
  }

  take(source, kind, context, changed) {
    return this.#add(this.connection.take(source, kind, context), changed);
  }

  release(line) {
    this.#lines.delete(line);
    this.connection.release(line.handle);
  }

  publish(source, name, track, changed) {
    return this.#add(this.connection.publish(source, name, track), changed);
  }

  withdraw(line) {
    this.#lines.delete(line);
    this.connection.withdraw(line.handle);
  }

  /** Measure what all of `watchings` show, asking the browser once. */
  async measure(watchings) {
    const some = watchings.filter((one) => one.viewer.lines.length > 0);
    const groups = some.map((one) => one.viewer.lines.map((line) => line.handle));
    const samples = groups.length > 0 ? await this.connection.sample(groups) : [];
    some.forEach((one, index) => one.measured(samples?.[index] ?? null));
  }

  /** What the server says of its own accord: a line opened, held back or closed; all of it over. */
  heard(message) {
    // Otherwise it is word of one before.
    if (message.connection !== this.#number) return;
    if (message.t === "flow") this.#flows(message.lines ?? []);
    else this.connection.renew();
  }

  /** The link is up, perhaps again. */
  linkUp() {
    if (this.#life === this.link.life) return;
    if (this.connection.peer) this.connection.renew();
    else this.hurry();
  }

  /** Back from sleep, from no network, or the link is up again. */
  hurry() {
    this.connection.networkChanged();
  }

  /** Tell the server how well what it sends arrives. */
  async #tell() {
    const { peer } = this.connection;
    if (!peer || this.state !== "connected") {
      this.#counts = null;
      return;
    }
    const { message, counts } = qualityOf(await peer.getStats(), this.#counts);
    this.#counts = counts;
    if (message.lines.length > 0) this.link.tell(message);
  }

  #add(handle, changed) {
    const line = new Line(this, handle, changed);
    this.#lines.add(line);
    return line;
  }

  async #exchange(sdp, lines, fresh) {
    // The server's end of the connection went with the link it was offered by.
    if (!fresh && this.#life !== this.link.life) throw new ApiError("session-unknown");
    // Where media stop and the server stands still, both are one trouble, and shall be told as one.
    if (this.connection.peer?.connectionState === "disconnected") this.link.doubt();
    if (fresh) this.#number += 1;
    const number = this.#number;
    this.#life = this.link.life;
    this.#byMid = new Map(lines.map((line) => [line.mid, keyOf(line)]));
    try {
      const answer = await this.link.offer(number, sdp, lines.map(asked));
      if (number === this.#number) this.#flows(answer.lines ?? []);
      return answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const gone = error.code === "link-lost" || error.code === "not-connected";
      throw new ApiError(gone ? "network" : error.code, { detail: error.detail });
    }
  }

  #flows(told) {
    for (const { mid, flow, code } of told) {
      const key = this.#byMid.get(mid);
      for (const line of this.#lines) {
        if (keyOf(line.handle) !== key) continue;
        line.flow = flow;
        line.flowCode = flow === "closed" ? (code ?? "") : "";
        line.changed();
      }
    }
  }

  #agreed(handle) {
    for (const line of this.#lines) if (line.handle === handle) line.changed();
  }

  #turned(error) {
    this.code = error?.code ?? "";
    for (const line of this.#lines) line.changed();
    this.changed();
  }
}
