// Keys of the page. Typing in a field and keys with Ctrl, Alt or Meta are never ours.

const TYPING = "input, select, textarea";
/** What the space bar presses. */
const PRESSED = "button, a, summary";
// It keeps the focus of the field somebody typed in until the browser draws again.
const GONE = "dialog:not([open])";
/** The button of a headset, where it comes as a key: nobody types it. */
const HEADSET = "MediaPlayPause";

/**
 * `acts` by name: {move(columns, rows), enlarge, back, mute, muteAll, pause, publish, microphone, camera, hand, layout,
 * play, step(way), event(way), speaker(way), speed(way), search, left, right, language, theme, help}. One that gives
 * false had nothing to do: the browser may have the key.
 */
export function startKeyboard(acts) {
  const table = {
    ArrowLeft: () => acts.move(-1, 0),
    ArrowRight: () => acts.move(1, 0),
    ArrowUp: () => acts.move(0, -1),
    ArrowDown: () => acts.move(0, 1),
    Escape: acts.back,
    m: acts.mute,
    M: acts.muteAll,
    p: acts.pause,
    b: acts.publish,
    d: acts.microphone,
    e: acts.camera,
    h: acts.hand,
    g: acts.layout,
    " ": acts.play,
    ",": () => acts.step(-1),
    ".": () => acts.step(1),
    n: () => acts.event(1),
    N: () => acts.event(-1),
    s: () => acts.speaker(1),
    S: () => acts.speaker(-1),
    "<": () => acts.speed(-1),
    ">": () => acts.speed(1),
    "/": acts.search,
    "[": acts.left,
    "]": acts.right,
    l: acts.language,
    t: acts.theme,
    "?": acts.help,
    "？": acts.help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    // Whatever is being written or asked: who presses it wants not to be heard.
    if (event.key === HEADSET && acts.microphone() !== false) event.preventDefault();
    // Wherever the focus is: it falls to the page behind when the button that had it cannot be pressed any more.
    if (document.querySelector("dialog[open]")) return;
    if (event.target instanceof Element && event.target.closest(TYPING) && !event.target.closest(GONE)) return;
    // Enter and space belong to buttons; only on a picture, which is not a button element, are they ours.
    const onPicture = event.target instanceof Element && event.target.matches(".picture, .seat");
    const pressed = event.key === "Enter" || event.key === " ";
    if (event.key === " " && !onPicture && event.target instanceof Element && event.target.closest(PRESSED)) return;
    const act = onPicture && pressed ? acts.enlarge : (table[event.key] ?? table[event.key.toLowerCase()]);
    if (!act) return;
    if (act() !== false) event.preventDefault();
  });
}
