// The keys of a consultation's page.

import { LAYOUTS } from "./boxes.js";

/** Acts of `page` by their names in keyboard.js; they give false when there is nothing to do. */
export function keysOf(page) {
  const { stage, controls } = page;
  const inside = (act) => () => (page.isInside ? act() : false);
  const current = () => stage.seats.find((seat) => seat.element.contains(document.activeElement));
  const onCurrent = (act) => inside(() => (current() ? act(current()) : false));
  const step = (by) => {
    const shown = stage.seats.filter((seat) => !seat.element.hidden);
    const at = shown.indexOf(current());
    const next = shown[at < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, at + by))];
    next?.element.focus();
    return Boolean(next);
  };
  return {
    move: (columns, rows) => page.isInside && step(columns + rows),
    enlarge: onCurrent((seat) => stage.choose(seat.key)),
    mute: onCurrent((seat) => seat.silence(!seat.silenced)),
    pause: onCurrent((seat) => seat.togglePause()),
    microphone: inside(() => controls.press("microphone")),
    camera: inside(() => controls.press("camera")),
    hand: inside(() => controls.press("hand")),
    // The third layout has no key: it begins with a picture that is chosen.
    layout: inside(() => stage.setLayout(LAYOUTS[(LAYOUTS.indexOf(stage.layout) + 1) % 2])),
  };
}
