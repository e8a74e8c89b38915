// A media element's MediaSource with its one SourceBuffer: whatever is done to it, one thing after the other.
// Media time is seconds.

/** Far beyond any recording: what is not within the duration cannot be sought. */
const DURATION_S = 10_000_000;

const happened = (target, name) => new Promise((told) => target.addEventListener(name, told, { once: true }));

export class Buffer {
  #chain = Promise.resolve();
  #source = new MediaSource();
  #buffer = null;
  #mime = "";
  #url;
  #closed = false;
  #end;
  #ended = new Promise((ended) => {
    this.#end = ended;
  });

  constructor(element) {
    this.element = element;
    this.#url = URL.createObjectURL(this.#source);
    const open = happened(this.#source, "sourceopen");
    this.#do(async () => {
      await Promise.race([open, this.#ended]);
      if (this.#closed) throw new DOMException("closed", "AbortError");
      this.#source.duration = DURATION_S;
    });
    element.src = this.#url;
  }

  /** What comes now begins a file of `mime` whose media time 0 is at `offsetS`. What was begun before is given up. */
  begin(mime, offsetS) {
    return this.#do(async () => {
      if (!this.#buffer) this.#buffer = this.#source.addSourceBuffer(mime);
      else {
        this.#buffer.abort();
        if (mime !== this.#mime) this.#buffer.changeType(mime);
      }
      this.#mime = mime;
      this.#buffer.timestampOffset = offsetS;
    });
  }

  /** Throws QuotaExceededError when there is no room, and InvalidStateError when the element has given up. */
  append(bytes) {
    return this.#do(() => this.#updated(() => this.#buffer.appendBuffer(bytes)));
  }

  remove(fromS, toS) {
    if (!this.#buffer || toS <= fromS) return Promise.resolve();
    return this.#do(() => this.#updated(() => this.#buffer.remove(Math.max(0, fromS), toS)));
  }

  /** Whether `atS` is there to be shown, and what follows within `forS`. */
  holds(atS, forS = 0) {
    const { buffered } = this.element;
    for (let index = 0; index < buffered.length; index += 1) {
      if (atS >= buffered.start(index) - 0.02 && atS + forS <= buffered.end(index) + 0.001) return true;
    }
    return false;
  }

  close() {
    this.#closed = true;
    this.#end();
    this.element.removeAttribute("src");
    this.element.load();
    URL.revokeObjectURL(this.#url);
  }

  async #updated(act) {
    const over = happened(this.#buffer, "updateend");
    let failed = false;
    const fail = () => {
      failed = true;
    };
    this.#buffer.addEventListener("error", fail, { once: true });
    act();
    // An element that is let go says nothing more.
    await Promise.race([over, this.#ended]);
    this.#buffer.removeEventListener("error", fail);
    if (failed) throw new DOMException("damaged", "InvalidStateError");
  }

  #do(act) {
    const done = this.#chain.then(() => {
      if (this.#closed) throw new DOMException("closed", "AbortError");
      return act();
    });
    this.#chain = done.catch(() => {});
    return done;
  }
}
