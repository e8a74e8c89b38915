// Asks the server for its sources every second, and says how the link to it is.

import { ApiError, listSources, token } from "./api.js";
import { Backoff } from "./backoff.js";
import { ServerClock } from "./clock.js";

const EVERY_MS = 1000;
/** Nobody looks at a page in the background; it only has to know the state when somebody comes back. */
const HIDDEN_EVERY_MS = 5000;

export class Poll {
  #timer = 0;
  #asking = false;
  #backoff = new Backoff({ firstMs: 1000, longestMs: 10000 });

  /** `listed(sources)` after each answer; `linkChanged()` when `link` changed, and whenever a token was refused. */
  constructor({ listed, linkChanged }) {
    this.listed = listed;
    this.linkChanged = linkChanged;
    this.clock = new ServerClock();
    /** "asking" at first, then "up", "lost" or "refused". */
    this.link = "asking";
    this.lostAt = 0;
    this.retryAt = 0;
  }

  /** Server's UTC in ms, now. */
  now = () => this.clock.utc(performance.now(), Date.now());

  /** Ask now; then every second, or less often while nobody answers or looks. */
  async ask() {
    // Before the first token there is only one answer, and nobody gave the token that it would refuse.
    if (this.#asking || (this.link === "asking" && !token())) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    // Whatever goes wrong in between, also in who is told, the next question is asked.
    let wait = document.hidden ? HIDDEN_EVERY_MS : EVERY_MS;
    const shown = token();
    try {
      const sent = performance.now();
      const answer = await listSources();
      this.clock.sample(Date.parse(answer.now), sent, performance.now());
      this.#backoff.reset();
      this.#say("up");
      this.listed(answer.sources);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      wait = this.#waitAfter(error, token() !== shown);
    } finally {
      this.#asking = false;
      if (wait !== null) this.#timer = setTimeout(() => this.ask(), wait);
    }
  }

  /** Milliseconds to wait, or null when only a person can help: a refused token does not heal by asking again. */
  #waitAfter(error, hasOtherToken) {
    if (error.code === "unauthorized") {
      if (hasOtherToken) return 0;
      this.#say("refused");
      return null;
    }
    const wait = error.retryAfterMs + this.#backoff.next();
    this.retryAt = performance.now() + wait;
    this.#say("lost");
    return wait;
  }

  #say(link) {
    if (link === "lost" && this.link !== "lost") this.lostAt = this.now();
    const changed = link !== this.link;
    this.link = link;
    // A second wrong token changes nothing, and yet the person has to be asked again.
    if (changed || link === "refused") this.linkChanged();
  }
}
