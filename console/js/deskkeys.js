// Which key does what: those of the page on the stage, and those of the whole desk.

import { toggleTheme } from "./theme.js";

const OF_PAGE = [
  "move", "enlarge", "mute", "muteAll", "pause", "publish", "microphone", "camera", "hand", "layout", "play", "step",
  "event", "speaker", "speed",
];

/** Keys of the wall, by their names in keyboard.js. */
export function wallKeys(wall, publish) {
  const onTile = (act) => () => (wall.current() ? act(wall.current()) : false);
  return {
    move: (columns, rows) => wall.step(columns, rows),
    enlarge: onTile((tile) => wall.enlarge(tile)),
    mute: onTile((tile) => tile.setMuted(!tile.muted)),
    pause: onTile((tile) => tile.togglePause()),
    muteAll: () => wall.muteAll(),
    publish,
  };
}

/** The acts that keyboard.js wants. */
export function deskKeys(desk) {
  const page = () => desk.frame.page;
  const ofPage = (name) => (...given) => page()?.keys?.[name]?.(...given) ?? false;
  return {
    ...Object.fromEntries(OF_PAGE.map((name) => [name, ofPage(name)])),
    back: () => desk.frame.back() || (page()?.back?.() ?? false),
    search: () => desk.search(),
    left: () => desk.frame.toggle("left"),
    right: () => desk.frame.toggle("right"),
    language: desk.topActs.language,
    theme: toggleTheme,
    help: () => desk.keys.open(),
  };
}
