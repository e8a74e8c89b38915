// Puts the page together: who tells whom. No markup, no protocol.

import {} from "./able.js";
import { setToken, takeToken } from "./api.js";
import { KeysDialog, TokenDialog } from "./ask.js";
import { language, onLanguage, setLanguage, apply, t } from "./i18n.js";
import { startKeyboard } from "./keyboard.js";
import { Poll } from "./poll.js";
import { PublishDialog } from "./publish.js";
import { Publisher } from "./publisher.js";
import { startTheme, toggleTheme } from "./theme.js";
import { Top } from "./top.js";
import { Wall } from "./wall.js";

const TICK_MS = 250;

startTheme();

const poll = new Poll({ listed: (sources) => wall.update(sources), linkChanged: onLink });
const wall = new Wall(document.getElementById("stage"), poll.now);
const tokens = new TokenDialog((given) => {
  setToken(given);
  poll.ask();
});
const keys = new KeysDialog();

let publishedAt = 0;
const publisher = new Publisher(onPublish);
const publishing = new PublishDialog({
  now: poll.now,
  start: (source, name) => publisher.start(source, name),
  cancel: () => stopPublishing(),
});

const acts = {
  publish: () => publisher.state === "closed" && !publishing.isOpen && publishing.open(),
  stop: () => stopPublishing(),
  muteAll: () => wall.muteAll(),
  theme: toggleTheme,
  language: () => setLanguage(language() === "zh" ? "en" : "zh"),
  keys: () => keys.open(),
};
const top = new Top(document.getElementById("top"), acts);

function onLink() {
  if (poll.link === "refused") tokens.ask(true);
  if (poll.link === "up") {
    tokens.done();
    wall.hurry();
    publisher.hurry();
  }
  render();
}

function onPublish(state, error) {
  // About to be taken back: it neither goes on air nor fails.
  if (publishing.isCancelled) return;
  if (state === "connected") {
    publishedAt ||= poll.now();
    publishing.done();
  } else if (publishing.isOpen && (state === "retrying" || state === "closed") && error) {
    // It never began: better said in the dialog, where it can be mended, than tried on unseen.
    publisher.stop();
    publishing.fail(error);
  } else if (state === "closed" && error) {
    publisher.stop();
    publishedAt = 0;
    publishing.fail(error);
  }
  render();
}

function stopPublishing() {
  publisher.end();
  publishedAt = 0;
  render();
}

function publishView() {
  const up = publishedAt !== 0 && publisher.state !== "closed";
  const state = !up ? "off" : publisher.state === "connected" ? "live" : "retrying";
  const retryInMs = Math.max(0, publisher.retryAt - performance.now());
  return { state, name: publisher.name, since: publishedAt, retryInMs };
}

function render() {
  const sources = wall.tiles.map((tile) => tile.source);
  top.render({
    now: poll.now(),
    link: poll.link,
    lostAt: poll.lostAt,
    retryInMs: Math.max(0, poll.retryAt - performance.now()),
    total: sources.length,
    live: sources.filter((source) => source.state === "live").length,
    heard: wall.tiles.some((tile) => !tile.muted),
    publishing: publishView(),
  });
}

function onCurrent(act) {
  return () => {
    const tile = wall.current();
    if (tile) act(tile);
  };
}

startKeyboard({
  move: (columns, rows) => wall.step(columns, rows),
  enlarge: onCurrent((tile) => wall.enlarge(tile)),
  back: () => wall.leave(),
  mute: onCurrent((tile) => tile.setMuted(!tile.muted)),
  muteAll: acts.muteAll,
  pause: onCurrent((tile) => tile.togglePause()),
  publish: acts.publish,
  language: acts.language,
  theme: acts.theme,
  help: acts.keys,
});

function wake() {
  // Back from sleep or from no network: do not wait out the pause.
  poll.ask();
  wall.hurry();
  publisher.hurry();
}

addEventListener("online", wake);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
addEventListener("pagehide", () => {
  // Told, the server frees our places at once instead of when it misses us.
  publisher.stop();
  wall.close();
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("hashchange", () => {
  takeToken();
  poll.ask();
});

onLanguage(() => {
  document.title = t("app.title");
  for (const part of [wall, tokens, keys, publishing]) part.render();
  render();
});
apply();
setInterval(render, TICK_MS);

// Videos hold back the load event until they have data, and the browser would show a page that never finishes.
addEventListener("load", () => {
  if (takeToken()) poll.ask();
  else tokens.ask(false);
});
