// Which elements somebody can see: those on the screen, of a page that is not in the background.

/** Above and below the screen, so that who scrolls meets pictures that already run. */
const AHEAD = "25% 0px";
/** A page in the background for this long is left alone; a glance at another one costs nothing. */
const AWAY_AFTER_MS = 30000;

export class Seen {
  #timer = 0;

  /**
   * `shown(element, seen)` for each element at first and when it changes; `away(isAway)` for the whole page;
   * `root`: what scrolls.
   */
  constructor({ shown, away, root = null }) {
    this.away = away;
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) shown(target, isIntersecting);
      },
      { root, rootMargin: AHEAD },
    );
    document.addEventListener("visibilitychange", () => this.#turned());
  }

  observe(element) {
    this.observer.observe(element);
  }

  forget(element) {
    this.observer.unobserve(element);
  }

  #turned() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(() => this.away(true), AWAY_AFTER_MS);
    else this.away(false);
  }
}
