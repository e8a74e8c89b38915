// Where a picture to publish comes from: a camera and microphone, or a drawn test picture with a tone.

import { timeOfDay } from "./clock.js";

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES = 15;
const TONE_HZ = 1000;
const TONE_LOUDNESS = 0.05;
const BAR_COLOURS = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf"];

/** What went wrong with a device; `code` names the words. */
export class CaptureError extends Error {
  constructor(code, detail = "") {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

const CODES = {
  NotAllowedError: "camera-refused",
  SecurityError: "camera-refused",
  NotReadableError: "camera-busy",
  AbortError: "camera-busy",
  NotFoundError: "camera-none",
  OverconstrainedError: "camera-gone",
};

const MICROPHONE_CODES = {
  NotAllowedError: "camera-refused",
  SecurityError: "camera-refused",
  NotReadableError: "microphone-busy",
  AbortError: "microphone-busy",
  NotFoundError: "microphone-none",
  OverconstrainedError: "microphone-gone",
};

const GONE = { video: "camera-gone", audio: "microphone-gone" };

/** True when this page may ask for devices at all: browsers allow it on https and on this computer only. */
export function mayCapture() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/** The cameras and microphones: {cameras, microphones}, each [{id, label}]; labels are empty before permission. */
export async function listDevices() {
  if (!mayCapture()) return { cameras: [], microphones: [] };
  const devices = await navigator.mediaDevices.enumerateDevices();
  const named = ({ deviceId, label }) => ({ id: deviceId, label });
  const of = (kind) => devices.filter((device) => device.kind === kind).map(named);
  return { cameras: of("videoinput"), microphones: of("audioinput") };
}

/** Open a camera and a microphone; null is none of it, "" the usual one of its kind. Throws CaptureError. */
export async function openCamera(camera, microphone) {
  if (!mayCapture()) throw new CaptureError("no-https");
  const chosen = (id) => (id ? { deviceId: { exact: id } } : {});
  const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } };
  const video = camera === null ? false : { ...chosen(camera), ...wanted };
  const audio = microphone === null ? false : chosen(microphone);
  try {
    return { stream: await navigator.mediaDevices.getUserMedia({ video, audio }), stop() {} };
  } catch (error) {
    const codes = video ? CODES : MICROPHONE_CODES;
    throw new CaptureError(codes[error.name] ?? (video ? "camera-other" : "microphone-other"), error.name);
  }
}

/** Let somebody choose a screen or window to show. Throws CaptureError; "screen-none" when nothing was chosen. */
export async function openScreen() {
  if (!navigator.mediaDevices?.getDisplayMedia) throw new CaptureError("screen-unable");
  try {
    const video = { frameRate: { max: 15 } };
    return { stream: await navigator.mediaDevices.getDisplayMedia({ video, audio: false }), stop() {} };
  } catch (error) {
    throw new CaptureError(error.name === "NotAllowedError" ? "screen-none" : "screen-other", error.name);
  }
}

/** Let go of what `openCamera` or `openTest` gave. */
export function stopSource(source) {
  for (const track of source.stream.getTracks()) track.stop();
  source.stop();
}

/**
 * Call `told(error)` when camera or microphone of `source` goes: unplugged, or its permission taken back. Tracks that
 * we stop ourselves do not tell. Who asks last is told alone.
 */
export function onGone(source, told) {
  for (const track of source.stream.getTracks()) track.onended = () => told(new CaptureError(GONE[track.kind]));
}

/** Draw a test picture: colour bars, name, running clock. `now()`: UTC in ms. */
export function openTestPicture(name, now) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  const draw = () => drawTest(pen, name(), now());
  draw();
  const timer = setInterval(draw, 1000 / FRAMES);
  return { stream: canvas.captureStream(FRAMES), stop: () => clearInterval(timer) };
}

/** Sound a quiet 1 kHz tone. */
export function openTestSound() {
  const context = new AudioContext();
  return { stream: openTone(context), stop: () => context.close() };
}

function openTone(context) {
  const oscillator = new OscillatorNode(context, { frequency: TONE_HZ });
  const gain = new GainNode(context, { gain: TONE_LOUDNESS });
  const out = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(gain).connect(out);
  oscillator.start();
  return out.stream;
}

function drawTest(pen, name, utc) {
  const wide = WIDTH / BAR_COLOURS.length;
  BAR_COLOURS.forEach((colour, index) => {
    pen.fillStyle = colour;
    pen.fillRect(Math.floor(index * wide), 0, Math.ceil(wide), HEIGHT - 96);
  });
  pen.fillStyle = "#101418";
  pen.fillRect(0, HEIGHT - 96, WIDTH, 96);
  pen.fillStyle = "#ffffff";
  pen.textBaseline = "middle";
  pen.font = '600 24px "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
  pen.fillText(name, 16, HEIGHT - 68, WIDTH - 32);
  pen.font = '600 32px "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
  pen.fillText(`${timeOfDay(utc)}.${String(Math.floor(utc) % 1000).padStart(3, "0")}`, 16, HEIGHT - 30);
  pen.fillRect(WIDTH * ((utc % 1000) / 1000) - 4, HEIGHT - 100, 8, 4);
}
