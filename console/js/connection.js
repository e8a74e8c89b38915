// The page's one connection to the server: everything that it shows, hears and publishes. No elements here.

import { ApiError, asApiError } from "./api.js";
import { partOf, sentOf } from "./lines.js";
import { Pause } from "./pause.js";
import { Slots } from "./slots.js";
import { nextTask } from "./soon.js";
import { sample } from "./stats.js";

const CONNECT_MS = 10000;
/** "disconnected" often heals by itself; after this long another way is looked for. */
const HEAL_MS = 4000;
/** Who is sent away right after each welcome must come less and less often: only this long a stay counts as success. */
const STEADY_MS = 10000;
/** The server takes four offers a second of a connection. */
const PACE_MS = 260;
/** The server has no such connection (any more): a fresh one is the only way. */
const LOST = "session-unknown";

/**
 * Keeps one RTCPeerConnection. `exchange(sdp, lines, fresh)` carries an offer to the server and gives `{sdp}`, or
 * throws an ApiError, and does not wait for ever; `fresh` is true for the first offer of a connection, `lines` say what
 * each shall carry: {mid, way: "send" or "receive", kind, source, name or context}. `changed(state, error)` is told of
 * "connecting", "connected", "retrying", "closed"; `agreed(handle)` that a handle's track is there; `moved()` that
 * the way to the server is another, or gone. `fatal(error)` true stops trying.
 */
export class Connection {
  #pc = null;
  #slots = new Slots();
  #wanted = new Set();
  #pause = new Pause(() => this.#schedule());
  #servers = [];
  #closed = false;
  #due = false;
  #busy = false;
  #timer = 0;
  #offeredAt = -PACE_MS;
  #restarts = false;
  #leave = () => {};

  constructor({ exchange, changed = () => {}, agreed = () => {}, moved = () => {}, fatal = () => false }) {
    this.exchange = exchange;
    this.changed = changed;
    this.agreed = agreed;
    this.moved = moved;
    this.fatal = fatal;
    this.state = "closed";
  }

  /** The RTCPeerConnection of now, or null. */
  get peer() {
    return this.#pc;
  }

  /** When the next try is due; performance.now(). */
  get retryAt() {
    return this.#pause.until;
  }

  /** STUN and TURN servers (RTCIceServer), for connections and restarts from now on. */
  serve(servers) {
    this.#servers = servers;
  }

  /** Take one kind of a source within a context ("": directly); its `track` comes with the server's answer. */
  take(source, kind, context = "") {
    return this.#want({ way: "receive", source, kind, context, track: null });
  }

  /** Publish a track as one kind of a source. `encodings` as for addTransceiver (simulcast). */
  publish(source, name, track, kind = track.kind, encodings = null) {
    return this.#want({ way: "send", source, name, kind, track, encodings });
  }

  /** Send another track instead, without the server's help. */
  async replaceTrack(handle, track) {
    handle.track = track;
    await this.#slots.send(handle, track);
  }

  /** Of what is published on line `mid`, send the layers `rids` only. */
  need(mid, rids) {
    this.#slots.need(mid, rids);
  }

  /** Take no more. The line is used again for what is taken next. */
  release(handle) {
    if (!this.#wanted.delete(handle)) return;
    this.#slots.free(handle);
    handle.track = null;
    this.#schedule();
  }

  /** Publish no more: nothing leaves from now on. */
  withdraw(handle) {
    this.#slots.send(handle, null);
    this.release(handle);
  }

  /** The network is another than before: look for a way through it; try soon if we wait. */
  networkChanged() {
    if (this.#pause.isOn) this.#pause.hurry();
    else if (this.#pc) this.#restart();
  }

  /** Begin again with a fresh connection although this one looks well: no media comes. */
  renew() {
    if (this.#pc) this.#retry(new ApiError("no-media"));
  }

  close() {
    this.#closed = true;
    this.#wanted.clear();
    this.#drop();
    this.#say("closed");
  }

  /**
   * What `figures` of stats.js wants of some taken handles together (the picture and sound of a source), and, for
   * published ones, what `sentOf` gives; null without a connection. The browser is asked once for all `groups`.
   */
  async sample(groups) {
    const pc = this.#pc;
    if (!pc) return null;
    // The browser makes each entry anew whenever it is looked at: once is enough.
    const report = new Map(await pc.getStats());
    if (pc !== this.#pc) return null;
    return groups.map((handles) => {
      const mids = new Set(handles.map((handle) => this.#slots.transceiver(handle)?.mid ?? null));
      return handles[0]?.way === "send" ? sentOf(report, mids) : sample(partOf(report, mids));
    });
  }

  /** Loudness of a taken sound, 0-1. */
  loudness(handle) {
    return this.#slots.transceiver(handle)?.receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  #want(handle) {
    if (this.#closed) throw new ApiError("closed");
    this.#wanted.add(handle);
    this.#schedule();
    return handle;
  }

  #say(state, error = null) {
    if (state === this.state && !error) return;
    this.state = state;
    this.changed(state, error);
  }

  /** All that is wanted in one turn goes into one offer; while one is in hand the next waits. */
  #schedule() {
    this.#due = true;
    if (this.#busy || this.#pause.isOn) return;
    this.#busy = true;
    nextTask(() => this.#run());
  }

  async #run() {
    try {
      while (this.#due && !this.#pause.isOn && !this.#closed) {
        const early = this.#offeredAt + PACE_MS - performance.now();
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
        if (this.#pause.isOn || this.#closed) break;
        this.#due = false;
        this.#offeredAt = performance.now();
        // What was asked of a connection that is closed meanwhile is never answered: its end ends the waiting.
        const left = new Promise((resolve) => (this.#leave = resolve));
        await Promise.race([this.#offer(), left]);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #offer() {
    const fresh = this.#pc === null;
    if (fresh && this.#wanted.size === 0) return;
    const pc = fresh ? this.#open() : this.#pc;
    try {
      if (this.#restarts) this.#searchAnew(pc);
      this.#slots.fill(pc, this.#wanted);
      await pc.setLocalDescription();
      if (pc !== this.#pc) return;
      const lines = this.#slots.lines();
      // The server is ICE-lite and learns our addresses from our checks: no waiting for candidates.
      const { sdp } = await this.exchange(pc.localDescription.sdp, lines, fresh);
      if (pc !== this.#pc) return;
      if (fresh) this.#patience(CONNECT_MS, () => this.#retry(new ApiError("media-blocked")));
      this.#restarts = false;
      await pc.setRemoteDescription({ type: "answer", sdp });
      if (pc !== this.#pc) return;
      this.#listen(pc);
      for (const handle of this.#slots.agree(lines)) this.agreed(handle);
    } catch (error) {
      if (pc === this.#pc) await this.#refused(pc, fresh, asApiError(error));
    }
  }

  #open() {
    if (this.#pause.tries === 0) this.#say("connecting");
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.#servers });
    this.#pc = pc;
    pc.onconnectionstatechange = () => this.#watch(pc);
    return pc;
  }

  /** Offer new ICE credentials to the server, and those of today to TURN servers. */
  #searchAnew(pc) {
    if (this.#servers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: this.#servers });
    pc.restartIce();
  }

  /** An offer came to nothing. What was agreed before goes on, unless the server has lost it. */
  async #refused(pc, fresh, error) {
    if (fresh || error.code === LOST || pc.signalingState !== "have-local-offer") {
      this.#retry(error);
      return;
    }
    await pc.setLocalDescription({ type: "rollback" });
    if (pc !== this.#pc) return;
    if (this.#giveUp(error)) return;
    this.#due = true;
    this.#pause.begin(error.retryAfterMs);
  }

  #watch(pc) {
    if (this.#pc !== pc) return;
    const state = pc.connectionState;
    if (state === "connected") {
      this.#patience(STEADY_MS, () => this.#pause.reset());
      this.#say("connected");
    } else if (state === "disconnected") {
      this.moved();
      this.#patience(HEAL_MS, () => this.#restart());
    } else if (state !== "connecting") {
      // Failed, or ended by the server, which then says so when it is asked.
      this.#restart();
    }
  }

  /** A goodbye of the server shows in the shared DTLS transport only; the connection would look well for seconds. */
  #listen(pc) {
    const { transport } = this.#slots;
    if (!transport) return;
    transport.onstatechange = () => {
      if (pc === this.#pc && transport.state === "closed") this.#retry(new ApiError(LOST));
    };
    // A network that went while another was there: media are on that already, and nothing else would tell.
    transport.iceTransport.onselectedcandidatepairchange = () => this.state === "connected" && this.moved();
  }

  /** Offer new ICE credentials: over which network the server is reached shows in the checks that follow. */
  #restart() {
    this.#restarts = true;
    this.#patience(CONNECT_MS, () => {
      if (this.#pc.connectionState !== "connected") this.#retry(new ApiError("network"));
    });
    this.#schedule();
  }

  #retry(error) {
    this.#drop();
    if (this.#closed || this.#giveUp(error)) return;
    this.#due = true;
    this.#pause.begin(error.retryAfterMs);
    this.#say("retrying", error);
  }

  #giveUp(error) {
    if (!this.fatal(error)) return false;
    this.#closed = true;
    this.#drop();
    this.#say("closed", error);
    return true;
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#pause.end();
    this.#restarts = false;
    const pc = this.#pc;
    this.#pc = null;
    this.#slots.clear();
    this.#leave();
    if (!pc) return;
    pc.onconnectionstatechange = null;
    pc.close();
  }

  #patience(ms, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
