// The layers a camera is sent in, so that each viewer is given what its line carries: which, and which of them now.

/** By the least short side of the picture, in pixels: [rid, scaled down by, bits per second], the smallest first. */
const LAYERS = [
  [720, [["q", 4, 150_000], ["h", 2, 500_000], ["f", 1, 2_000_000]]],
  [360, [["h", 2, 150_000], ["f", 1, 700_000]]],
];
/** Steps of frames where they can be told apart at the server without a format of their own. */
const STEPS = { "video/VP8": "L1T3" };

/** `encodings` as for addTransceiver from a track's settings; null: one layer, for small and unknown sizes. Pure. */
export function encodingsOf({ width, height }) {
  const [, layers] = LAYERS.find(([least]) => Math.min(width, height) >= least) ?? [];
  if (!layers) return null;
  return layers.map(([rid, scaleResolutionDownBy, maxBitrate]) => ({ rid, scaleResolutionDownBy, maxBitrate }));
}

/** Have an RTCRtpSender send those of its layers that `rids` names, all when it is null. */
export async function setLayers(sender, rids) {
  const parameters = sender.getParameters();
  const isNeeded = ({ rid }) => !rid || rids === null || rids.includes(rid);
  const others = parameters.encodings.filter((one) => one.active !== isNeeded(one));
  for (const one of others) one.active = isNeeded(one);
  if (others.length > 0) await sender.setParameters(parameters);
}

/** True when an answer has taken layers away for good, as that to an offer in which the line rested does. */
export function lostLayers(sender, encodings) {
  return encodings !== null && sender.getParameters().encodings.length < encodings.length;
}

/** Have the layers sent in steps of frames, where format and browser know how. */
export async function setSteps(sender) {
  const parameters = sender.getParameters();
  const mode = STEPS[parameters.codecs[0]?.mimeType];
  if (!mode) return;
  for (const one of parameters.encodings) one.scalabilityMode = mode;
  await sender.setParameters(parameters);
}
