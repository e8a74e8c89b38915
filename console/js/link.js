// The WebSocket to the server, kept up: acts and their answers, watched topics, the server's time.

import { Backoff } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { Store } from "./store.js";
import { Wire } from "./wire.js";

const PATH = "/api/v1/ws";
const PING_MS = 10000;
/** The first answers set the clock: a few quick ones, of which the quickest is believed. */
const FIRST_PINGS_MS = [0, 300, 1200];
const SILENT_MS = 25000;
/** Who has reason to doubt that the server is there asks, and waits no longer than this. */
const DOUBT_MS = 5000;
const WELCOME_MS = 10000;
const NOT_SIGNED_IN = 4401;
/** What concerns the media connection. */
const MEDIA = new Set(["flow", "link", "layers", "ended", "servers"]);

export class Link {
  #socket = null;
  #timers = new Set();
  #heardAt = 0;
  #received = 0;
  #wanted = false;
  #retry = 0;
  #backoff = new Backoff({ firstMs: 500, longestMs: 10000 });

  /**
   * `account`: whose `token` opens it; `device`: this tab's own id; `changed()` when `state` did; `heard(message)`
   * takes what concerns the media connection.
   */
  constructor({ account, device, changed, heard }) {
    this.account = account;
    this.device = device;
    this.changed = changed;
    this.heard = heard;
    this.store = new Store();
    this.wire = new Wire(this.store);
    this.clock = new ServerClock();
    /** "asking" at first, then "up", "lost". */
    this.state = "asking";
    this.lostAt = 0;
    this.retryAt = 0;
    this.rights = [];
    /** How often it has come up: what the server held for the page ends with each. */
    this.life = 0;
  }

  /** Server's UTC in ms, now. */
  now = () => this.clock.utc(performance.now(), Date.now());

  open() {
    this.#wanted = true;
    if (!this.#socket) this.#connect();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#drop();
    this.#say("asking");
  }

  /** Back from sleep or from no network: do not wait out the pause, and see whether the line still holds. */
  hurry() {
    if (!this.#wanted) return;
    if (!this.#socket) this.#connect();
    else this.doubt();
  }

  /** Have `topic`, and `told()` now, when it is known already, and after each change. Gives what ends it. */
  follow(topic, told) {
    const deaf = this.store.listen(topic, told);
    this.#send(this.wire.watch(topic));
    if (this.store.knows(topic)) told();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      deaf();
      this.#send(this.wire.unwatch(topic));
    };
  }

  /** Do an act: gives the id of what it made, or "". Throws Refusal. */
  async act(name, params = {}) {
    const { object } = await this.#ask({ t: "act", name, params });
    return object ?? "";
  }

  /** Offer the media connection with this number, higher for each new one: gives {sdp, lines}. Throws Refusal. */
  offer(connection, sdp, lines) {
    return this.#ask({ t: "offer", connection, sdp, lines });
  }

  /** Say something nobody answers; of no effect while there is no link. */
  tell(message) {
    if (this.state === "up") this.#send([message]);
  }

  #ask(request) {
    const { message, answer } = this.wire.request(request);
    if (message) this.#send([message]);
    return answer;
  }

  #send(messages) {
    for (const message of messages) this.#socket?.send(JSON.stringify(message));
  }

  #connect() {
    clearTimeout(this.#retry);
    this.retryAt = 0;
    const address = new URL(PATH, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#after(WELCOME_MS, () => this.state !== "up" && this.#lose(0));
    socket.onopen = () => socket.send(JSON.stringify(this.wire.hello(this.account.token, this.device)));
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lose(code);
  }

  #receive(data) {
    this.#received += 1;
    this.#heardAt = performance.now();
    const message = JSON.parse(data);
    if (message.t === "welcome") this.#welcomed(message);
    else if (message.t === "pong") this.clock.sample(message.now_us / 1000, message.at, performance.now());
    else if (MEDIA.has(message.t)) this.heard(message);
    else this.#send(this.wire.receive(message));
  }

  #welcomed(message) {
    this.rights = message.rights ?? [];
    this.heard({ t: "servers", servers: message.ice_servers ?? [] });
    this.life += 1;
    this.clock.restart();
    this.clock.sample(message.now_us / 1000, this.#heardAt, this.#heardAt);
    this.#send(this.wire.welcomed(message));
    for (const ms of FIRST_PINGS_MS) this.#after(ms, () => this.#ping());
    const beat = setInterval(() => this.#beat(), PING_MS);
    this.#timers.add(beat);
    this.#backoff.reset();
    this.#say("up");
  }

  #beat() {
    if (performance.now() - this.#heardAt > SILENT_MS) this.#lose(0);
    else this.#ping();
  }

  /** There is reason to think that the server is gone: ask, and wait so long for the answer. */
  doubt(ms = DOUBT_MS) {
    if (this.state !== "up") return;
    const before = this.#received;
    this.#ping();
    this.#after(ms, () => this.#received === before && this.#lose(0));
  }

  #ping() {
    this.#send([{ t: "ping", at: performance.now() }]);
  }

  #after(ms, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #drop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.wire.broke();
  }

  async #lose(code) {
    this.#drop();
    if (!this.#wanted) return;
    const wait = this.#backoff.next();
    this.retryAt = performance.now() + wait;
    this.#say("lost");
    // Another token, or word that there is none any more, before the next try.
    if (code === NOT_SIGNED_IN) await this.account.renew();
    if (!this.#wanted || this.#socket) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), Math.max(0, this.retryAt - performance.now()));
  }

  #say(state) {
    if (state === this.state) return;
    if (state === "lost" && this.state !== "lost") this.lostAt = this.now();
    this.state = state;
    this.changed();
  }
}
