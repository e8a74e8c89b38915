// Asks the server for its sources every second, and says how the link to it is.

import { ApiError, listSources, token } from "./api.js";
import { Backoff } from "./backoff.js";
import { ServerClock } from "./clock.js";

const EVERY_MS = 1000;

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

  /** Ask now; then every second, or less often while nobody answers. */
  async ask() {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    const sent = performance.now();
    const shown = token();
    try {
      const answer = await listSources();
      this.clock.sample(Date.parse(answer.now), sent, performance.now());
      this.#backoff.reset();
      this.#say("up");
      this.listed(answer.sources);
      this.#again(EVERY_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A refused token does not heal by asking again; the person is asked instead, or has given another meanwhile.
      if (error.code !== "unauthorized") this.#lost();
      else if (token() === shown) this.#say("refused");
      else this.#again(0);
    } finally {
      this.#asking = false;
    }
  }

  #lost() {
    const wait = this.#backoff.next();
    this.retryAt = performance.now() + wait;
    this.#again(wait);
    this.#say("lost");
  }

  #again(ms) {
    this.#timer = setTimeout(() => this.ask(), ms);
  }

  #say(link) {
    if (link === "lost" && this.link !== "lost") this.lostAt = this.now();
    const changed = link !== this.link;
    this.link = link;
    // A second wrong token changes nothing, and yet the person has to be asked again.
    if (changed || link === "refused") this.linkChanged();
  }
}
