// What goes over the WebSocket, without one: topics that are watched and resumed, requests in hand. Pure.

const VERSIONS = [1];

/** An act or offer that came to nothing. `code`: the server's, or "link-lost", "not-connected". */
export class Refusal extends Error {
  constructor(code, { field = "", detail = "" } = {}) {
    super(code);
    this.code = code;
    this.field = field;
    this.detail = detail;
  }
}

export class Wire {
  #count = new Map();
  #seq = new Map();
  /** Topics whose beginning is on its way: not worth resuming. */
  #filling = new Set();
  #resumed = new Set();
  #epoch = "";
  #up = false;
  #inHand = new Map();
  #last = 0;

  /** `store`: takes `apply(state)`, `gone(topic, code)`, `forget(topic)`. */
  constructor(store) {
    this.store = store;
  }

  /** The first message of a connection. */
  hello(token, device) {
    this.#resumed = new Set(this.#seq.keys());
    const resume = { epoch: this.#epoch, topics: Object.fromEntries(this.#seq) };
    const known = this.#epoch && this.#resumed.size > 0;
    return { t: "hello", versions: VERSIONS, token, device, ...(known ? { resume } : {}) };
  }

  /** The server's welcome: gives what is to be sent now. */
  welcomed({ epoch }) {
    this.#up = true;
    if (epoch !== this.#epoch) this.#seq.clear();
    this.#epoch = epoch;
    const fresh = [...this.#count.keys()].filter((topic) => !this.#resumed.has(topic));
    const left = [...this.#resumed].filter((topic) => !this.#count.has(topic));
    return [...fresh.map((topic) => ({ t: "watch", topic })), ...left.map((topic) => ({ t: "unwatch", topic }))];
  }

  /** One more wants `topic`; gives what is to be sent. */
  watch(topic) {
    const count = this.#count.get(topic) ?? 0;
    this.#count.set(topic, count + 1);
    return count === 0 && this.#up ? [{ t: "watch", topic }] : [];
  }

  /** One less wants `topic`; gives what is to be sent. */
  unwatch(topic) {
    const count = this.#count.get(topic) ?? 0;
    if (count > 1) {
      this.#count.set(topic, count - 1);
      return [];
    }
    this.#count.delete(topic);
    this.#seq.delete(topic);
    this.#filling.delete(topic);
    this.store.forget(topic);
    return count === 1 && this.#up ? [{ t: "unwatch", topic }] : [];
  }

  /** Wrap `message` as a request: {message, answer}; `answer` becomes the server's, or throws Refusal. */
  request(message) {
    if (!this.#up) return { message: null, answer: Promise.reject(new Refusal("not-connected")) };
    this.#last += 1;
    const id = String(this.#last);
    const answer = new Promise((done, refused) => this.#inHand.set(id, { done, refused }));
    return { message: { ...message, id }, answer };
  }

  /** Take a message that is not of the connection itself; gives what is to be sent. */
  receive(message) {
    switch (message.t) {
      case "state":
        return this.#changed(message);
      case "gone":
        this.#seq.delete(message.topic);
        this.store.gone(message.topic, message.code);
        return [];
      case "done":
      case "answer":
        this.#settle(message.id, (held) => held.done(message));
        return [];
      case "refused":
        this.#settle(message.id, (held) => held.refused(new Refusal(message.code, message)));
        return [];
      default:
        // Of a newer server.
        return [];
    }
  }

  /** The connection is gone: what was in hand may or may not have been done. */
  broke() {
    this.#up = false;
    this.#filling.clear();
    const inHand = [...this.#inHand.values()];
    this.#inHand.clear();
    for (const held of inHand) held.refused(new Refusal("link-lost"));
  }

  #changed(message) {
    const { topic, seq, reset, more } = message;
    // Left behind: this was on its way.
    if (!this.#count.has(topic)) return [];
    const before = this.#seq.get(topic);
    if (!reset && before === undefined && !this.#filling.has(topic)) return [];
    if (!reset && seq > before + 1) {
      // Something is missing: begin again.
      this.#seq.delete(topic);
      return [{ t: "unwatch", topic }, { t: "watch", topic }];
    }
    if (!reset && seq < before) return [];
    if (more) {
      this.#filling.add(topic);
      this.#seq.delete(topic);
    } else {
      this.#filling.delete(topic);
      this.#seq.set(topic, seq);
    }
    this.store.apply(message);
    return [];
  }

  #settle(id, act) {
    const held = this.#inHand.get(id);
    this.#inHand.delete(id);
    if (held) act(held);
  }
}
