// The page's media connection as the views use it: lines that are taken or published, and what became of each.

import { ApiError } from "./api.js";
import { Connection } from "./connection.js";
import { Line } from "./line.js";
import { qualityOf } from "./quality.js";
import { Sizes } from "./sizes.js";
import { Stills } from "./stills.js";
import { Thin } from "./thin.js";
import { Refusal } from "./wire.js";

/** Media that stop have been in doubt for seconds: a link that answers nothing within this is gone with them. */
const MOVED_MS = 2500;
const QUALITY_MS = 10000;
/** Who draws a window larger changes every size many times a second. */
const SIZES_MS = 500;

/** A line of an offer as the server reads it. Pure. */
export function asked({ mid, way, kind, source, name, context }) {
  return way === "send" ? { mid, send: { source, kind, name } } : { mid, receive: { source, kind, context } };
}

export class Media {
  #lines = new Set();
  /** What each line carries: as it was asked, and as it was answered. */
  #asked = new Map();
  #answered = new Map();
  #sizes = new Sizes();
  #sizesAt = -SIZES_MS;
  #telling = 0;
  #life = 0;
  /** Of the connection, as the server knows it. */
  #number = 0;
  #counts = null;

  /** `link`: carries offers; `still`: as Stills fetches; `changed()` when the state of the connection did. */
  constructor({ link, still, changed }) {
    this.link = link;
    this.changed = changed;
    this.thin = new Thin();
    this.thin.listen(() => this.#turnedThin());
    this.stills = new Stills({ fetch: still, way: () => this.way });
    this.code = "";
    /** The link to this page, {state, bps, queueMs, loss, repair, paused}: null while the server has not said. */
    this.way = null;
    this.connection = new Connection({
      exchange: (sdp, lines, fresh) => this.#exchange(sdp, lines, fresh),
      changed: (_, error) => this.#turned(error),
      agreed: (handle) => this.#agreed(handle),
      // What has become of the media may have become of the link.
      moved: () => this.link.doubt(MOVED_MS),
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

  /** `encodings`: layers, as Connection takes them. */
  publish(source, name, track, encodings, changed) {
    return this.#add(this.connection.publish(source, name, track, track.kind, encodings), changed);
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

  /**
   * What the server says of its own accord: a line opened, held back or closed; what the link carries; which layers of
   * mine are needed; all of it over; through which servers it may come.
   */
  heard({ t: what, connection, lines = [], ...said }) {
    if (what === "servers") this.connection.serve(said.servers);
    // Otherwise it is word of one before.
    if (connection !== this.#number) return;
    if (what === "flow") this.#flows(lines);
    else if (what === "link") this.#carries(said, lines);
    else if (what === "layers") for (const { mid, rids } of lines) this.connection.need(mid, rids);
    else this.connection.renew();
  }

  /** Something is shown in another size: the server is told soon. */
  resized() {
    this.#telling ||= setTimeout(() => this.#tellSizes(), this.#sizesAt + SIZES_MS - performance.now());
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

  /** Views that take no pictures any more, or take them again, hear of it by themselves. */
  #turnedThin() {
    this.resized();
    this.stills.hurry();
    this.changed();
  }

  #tellSizes() {
    this.#telling = 0;
    this.#sizesAt = performance.now();
    if (this.link.state !== "up" || this.#life !== this.link.life) return;
    const taken = [...this.#lines].filter(({ handle }) => handle.way === "receive" && handle.kind === "video");
    const slow = this.thin.mode === "slow";
    const shown = new Map(taken.map((line) => [line.handle, { ...line.shown, slow }]));
    const known = [...this.#answered].filter(([, handle]) => shown.has(handle));
    const lines = known.map(([mid, handle]) => ({ mid, handle, shown: shown.get(handle) }));
    const news = this.#sizes.news(this.#number, lines);
    if (news.length > 0) this.link.tell({ t: "sizes", connection: this.#number, lines: news });
  }

  #add(handle, changed) {
    const line = new Line(this, handle, changed);
    this.#lines.add(line);
    return line;
  }

  async #exchange(sdp, lines, fresh) {
    // The server's end of the connection went with the link it was offered by.
    if (!fresh && this.#life !== this.link.life) throw new ApiError("session-unknown");
    if (fresh) {
      this.#number += 1;
      this.#answered.clear();
    }
    const number = this.#number;
    this.#life = this.link.life;
    this.#asked = new Map(lines.map(({ mid, handle }) => [mid, handle]));
    const asking = this.#asked;
    try {
      const answer = await this.link.offer(number, sdp, lines.map(asked));
      if (number === this.#number) {
        this.#answered = asking;
        this.#flows(answer.lines ?? []);
        this.resized();
      }
      return answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const gone = error.code === "link-lost" || error.code === "not-connected";
      throw new ApiError(gone ? "network" : error.code, { detail: error.detail });
    }
  }

  #flows(told) {
    for (const { mid, flow, code } of told) {
      const line = this.#lineOf(mid);
      if (!line) continue;
      line.flow = flow;
      line.flowCode = flow === "closed" ? (code ?? "") : "";
      line.changed();
    }
  }

  #carries({ state, bps, queue_ms: queueMs, loss, repair }, told) {
    const paused = told.filter(({ held }) => held === "no-room").length;
    const slowed = told.filter((one) => one.slowed).length;
    this.way = { state, bps, queueMs, loss, repair, paused, slowed };
    for (const one of told) this.#lineOf(one.mid)?.carries(one);
  }

  #lineOf(mid) {
    const handle = this.#asked.get(mid);
    return [...this.#lines].find((line) => line.handle === handle) ?? null;
  }

  #agreed(handle) {
    for (const line of this.#lines) if (line.handle === handle) line.changed();
  }

  #turned(error) {
    this.code = error?.code ?? "";
    if (this.state !== "connected") {
      this.way = null;
      for (const line of this.#lines) line.carries(null);
    }
    for (const line of this.#lines) line.changed();
    this.changed();
  }
}
