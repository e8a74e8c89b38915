"""Chromium for the page's tests: fixtures that other test modules import by ``conftest``."""

from typing import Final

#: The same engine without a browser's own windows: a page costs a seventh of the processor's time.
CHROMIUM: Final = "/usr/bin/chromium-headless-shell"
#: With all that people have: the shell does not follow its networks.
WHOLE_CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
]

#: Attributes that were set again to what they were with each of some seconds that were drawn.
REPEATED: Final = """async (seconds) => {
  let repeated = null;
  let second = new Set();
  const keys = new Map();
  const told = (records) => {
    for (const { target, attributeName: name, oldValue } of records) {
      if (!keys.has(target)) keys.set(target, `${keys.size} ${target.className}`);
      if (target.getAttribute(name) === oldValue) second.add(`${keys.get(target)} ${name}=${oldValue}`);
    }
  };
  const watch = new MutationObserver(told);
  watch.observe(document, { subtree: true, attributes: true, attributeOldValue: true });
  const clock = document.querySelector(".now .time");
  for (let drawn = 0; drawn <= seconds; drawn += 1) {
    const before = clock.textContent;
    while (clock.textContent === before) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // What is said once, by something that happened, is another matter.
    if (drawn > 0) repeated = repeated ? repeated.filter((key) => second.has(key)) : [...second];
    second = new Set();
  }
  watch.disconnect();
  return repeated;
}"""
