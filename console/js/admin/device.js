// What a browser calls itself, as people know it. Pure.

/** In the order in which one tells: most say that they are Chrome and Safari, too. */
const BROWSERS = [
  ["Edge", /\bEdg\/(\d+)/u],
  ["Opera", /\bOPR\/(\d+)/u],
  ["Firefox", /\bFirefox\/(\d+)/u],
  ["Chrome", /Chrome\/(\d+)/u],
  ["Safari", /\bVersion\/(\d+)/u],
];
const SYSTEM = /Windows|Android|iPhone|iPad|Mac OS X|CrOS|Linux/gu;

/** `Chrome 156 · Linux` of a browser's User-Agent; what another device calls itself, as it is. */
export function deviceWords(device) {
  // A page's own name for itself tells nobody anything; which browser it was in is told where it signed in.
  if (device.startsWith("page-")) return "";
  if (!device.startsWith("Mozilla/")) return device;
  const browser = BROWSERS.map(([name, mark]) => [name, mark.exec(device)?.[1]]).find(([, version]) => version);
  // Android and CrOS say Linux first, or X11.
  const systems = device.match(SYSTEM) ?? [];
  const system = systems.find((name) => name !== "Linux") ?? systems[0];
  return [browser?.join(" "), system].filter(Boolean).join(" · ") || device;
}
