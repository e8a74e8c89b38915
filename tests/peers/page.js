// Publishers and viewers in a page, by WHIP and WHEP, with pictures and tones that are known.
"use strict";

globalThis.peers = (() => {
  const CLOCK_BITS = 16;
  const NTP_TO_UNIX_MS = 2208988800000;
  const CANDIDATE = /^a=candidate:\S+ \d+ (\S+) \d+ (\S+) (\d+) .*\r\n/gm;
  const people = new Map();
  let way = "";
  let door = 0;
  let host = "";
  const sound = new AudioContext({ sampleRate: 48000 });

  /** Send SDP, or a fragment of it; returns the response with its text read. */
  async function send(method, url, type, body, token, more = {}) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": type, ...more };
    const response = await fetch(url, { method, headers, body });
    return { response, text: await response.text() };
  }

  /** Offer, post, set the answer. */
  async function connect(person, url, token) {
    const { connection } = person;
    await connection.setLocalDescription(await connection.createOffer());
    const offer = connection.localDescription.sdp;
    const { response, text } = await send("POST", url, "application/sdp", offer, token);
    if (response.status !== 201) throw new Error(`${response.status} ${text}`);
    person.offered = [...text.matchAll(CANDIDATE)].map(([, protocol, address]) => [protocol, address]);
    person.answer = text.replace(CANDIDATE, reached);
    person.token = token;
    person.location = response.headers.get("Location");
    await connection.setRemoteDescription({ type: "answer", sdp: person.answer });
  }

  /** Know only the server's candidates of this transport, port and address from now on, as behind a firewall. */
  function only(kind, port = 0, address = "") {
    way = kind;
    door = port;
    host = address;
  }

  const reached = (line, kind, address, port) => {
    const known = (!way || kind === way) && (!door || Number(port) === door) && (!host || address === host);
    return known ? line : "";
  };

  /** Both ends of the pair in use, and of all that the browser sends to. */
  async function ends(name) {
    const entries = new Map((await stats(name)).map((entry) => [entry.id, entry]));
    const { selectedCandidatePairId: id } = [...entries.values()].find((entry) => entry.type === "transport");
    const { localCandidateId, remoteCandidateId } = entries.get(id);
    return [localCandidateId, remoteCandidateId].map((end) => entries.get(end));
  }

  /** The transport of both. */
  async function pair(name) {
    return (await ends(name)).map(({ protocol }) => protocol);
  }

  /** Transport and address of the server's. */
  async function far(name) {
    const { protocol, address } = (await ends(name))[1];
    return [protocol, address];
  }

  /** Transport and address of all candidates of the server, the preferred first. */
  function offered(name) {
    return people.get(name).offered;
  }

  function preferCodec(transceiver, codec) {
    const all = RTCRtpReceiver.getCapabilities("video").codecs;
    const wanted = all.filter((item) => item.mimeType === `video/${codec}`);
    transceiver.setCodecPreferences([...wanted, ...all.filter((item) => item.mimeType === "video/rtx")]);
  }

  /** One colour over a bar code of the milliseconds since 1970, so that every picture tells its own time. */
  function picture(person, width, height, rate) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    document.body.append(canvas);
    const context = canvas.getContext("2d");
    const bar = width / CLOCK_BITS;
    const draw = () => {
      context.fillStyle = `rgb(${person.colour.join(",")})`;
      context.fillRect(0, 0, width, height);
      const now = Date.now();
      for (let bit = 0; bit < CLOCK_BITS; bit++) {
        context.fillStyle = (now >> bit) & 1 ? "white" : "black";
        context.fillRect(bit * bar, height - bar, bar, bar);
      }
    };
    draw();
    person.timer = setInterval(draw, 1000 / rate);
    person.canvas = canvas;
    return canvas.captureStream().getVideoTracks()[0];
  }

  function tone(person, frequency) {
    const oscillator = new OscillatorNode(sound, { frequency });
    const target = new MediaStreamAudioDestinationNode(sound);
    oscillator.connect(new GainNode(sound, { gain: 0.3 })).connect(target);
    oscillator.start();
    person.oscillator = oscillator;
    return target.stream.getAudioTracks()[0];
  }

  // What Opus takes for speech: a buzz whose pitch and formants move, in syllables.
  function voice(person, frequency) {
    const target = new MediaStreamAudioDestinationNode(sound);
    const swing = (rate, gain, what) => {
      const slow = new OscillatorNode(sound, { frequency: rate });
      slow.connect(new GainNode(sound, { gain })).connect(what);
      slow.start();
    };
    const buzz = new OscillatorNode(sound, { type: "sawtooth", frequency });
    const syllables = new GainNode(sound, { gain: 0.5 });
    swing(2.3, frequency / 5, buzz.frequency);
    swing(3.1, 0.5, syllables.gain);
    for (const [formant, Q] of [[600, 5], [1100, 6], [2500, 8]]) {
      const filter = new BiquadFilterNode(sound, { type: "bandpass", frequency: formant, Q });
      swing(1.7, formant / 4, filter.frequency);
      buzz.connect(filter).connect(syllables);
    }
    syllables.connect(target);
    buzz.start();
    person.oscillator = buzz;
    return target.stream.getAudioTracks()[0];
  }

  async function publish({ name, source, token, colour, frequency, speaks, codec, simulcast, width, height, rate }) {
    await sound.resume();
    const person = { connection: new RTCPeerConnection(), colour };
    people.set(name, person);
    const stream = new MediaStream();
    const rids = [{ rid: "low", scaleResolutionDownBy: 2 }, { rid: "high" }];
    const video = person.connection.addTransceiver(picture(person, width, height, rate), {
      direction: "sendonly",
      streams: [stream],
      ...(simulcast ? { sendEncodings: rids } : {}),
    });
    preferCodec(video, codec);
    person.connection.addTransceiver((speaks ? voice : tone)(person, frequency), { direction: "sendonly", streams: [stream] });
    await connect(person, `/whip/${source}`, token);
  }

  async function view({ name, source, token, codecs }) {
    await sound.resume();
    const begun = performance.now();
    const connection = new RTCPeerConnection();
    const element = document.createElement("video");
    Object.assign(element, { autoplay: true, muted: true, srcObject: new MediaStream() });
    document.body.append(element);
    const person = { connection, element };
    people.set(name, person);
    const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
    if (codecs) preferCodec(transceiver, codecs);
    connection.addTransceiver("audio", { direction: "recvonly" });
    connection.ontrack = ({ track }) => element.srcObject.addTrack(track);
    person.first = new Promise((resolve) => {
      element.requestVideoFrameCallback(() => resolve(performance.now() - begun));
    });
    await connect(person, `/whep/${source}`, token);
    // Chromium gives WebAudio a remote sound only while an element plays it too: the muted one above.
    person.analyser = new AnalyserNode(sound, { fftSize: 16384, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(sound, { mediaStream: element.srcObject }).connect(person.analyser);
  }

  /** Milliseconds from the request to the first picture, or null when none comes in time. */
  function firstFrame(name, patience) {
    const late = new Promise((resolve) => setTimeout(() => resolve(null), patience));
    return Promise.race([people.get(name).first, late]);
  }

  /** What is shown now: mean colour of its middle, size, time in its bar code, and when that was read. */
  function look(name) {
    const { element } = people.get(name);
    const { videoWidth: width, videoHeight: height } = element;
    if (!width) return { colour: [0, 0, 0], width, height };
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(element, 0, 0);
    const now = Date.now();
    const bar = width / CLOCK_BITS;
    let clock = 0;
    for (let bit = 0; bit < CLOCK_BITS; bit++) {
      const [red] = context.getImageData((bit + 0.5) * bar, height - bar / 2, 1, 1).data;
      if (red > 128) clock |= 1 << bit;
    }
    const middle = context.getImageData(width / 3, height / 3, width / 3, height / 4).data;
    const sums = [0, 0, 0];
    for (let at = 0; at < middle.length; at++) if (at % 4 < 3) sums[at % 4] += middle[at];
    const colour = sums.map((sum) => sum / (middle.length / 4));
    return { colour, width, height, ageMs: (now - clock) & 0xffff, now };
  }

  /** The loudest frequency that is heard now, in Hz; 0 for silence. */
  function hear(name) {
    const { analyser } = people.get(name);
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let loudest = 0;
    for (let bin = 1; bin < bins.length; bin++) if (bins[bin] > bins[loudest]) loudest = bin;
    return bins[loudest] > -60 ? (loudest * sound.sampleRate) / analyser.fftSize : 0;
  }

  /** The connection's statistics as plain objects. */
  async function stats(name) {
    return [...(await people.get(name).connection.getStats()).values()];
  }

  /** How far the browser's idea of when the shown picture was captured is from what the picture itself tells, ms. */
  async function captureError(name) {
    const entries = await stats(name);
    const video = entries.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
    if (!video?.estimatedPlayoutTimestamp) return null;
    const seen = look(name);
    const estimated = video.estimatedPlayoutTimestamp - NTP_TO_UNIX_MS + (seen.now - video.timestamp);
    return estimated - (seen.now - seen.ageMs);
  }

  /** RFC 9725 section 4.3.2: new credentials by PATCH, the answer's old ones replaced by the server's new ones. */
  async function restartIce(name) {
    const person = people.get(name);
    const { connection } = person;
    connection.restartIce();
    await connection.setLocalDescription(await connection.createOffer());
    const line = (sdp, key) => sdp.match(new RegExp(`^a=${key}:(\\S+)`, "m"))[1];
    const offer = connection.localDescription.sdp;
    const media = offer.match(/^m=.*$/m)[0];
    const fragment = [
      `a=ice-ufrag:${line(offer, "ice-ufrag")}`,
      `a=ice-pwd:${line(offer, "ice-pwd")}`,
      media.trim(),
      `a=mid:${line(offer, "mid")}`,
      "a=end-of-candidates",
      "",
    ].join("\r\n");
    const type = "application/trickle-ice-sdpfrag";
    const { response, text } = await send("PATCH", person.location, type, fragment, person.token, { "If-Match": "*" });
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    person.answer = person.answer
      .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${line(text, "ice-ufrag")}`)
      .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${line(text, "ice-pwd")}`);
    await connection.setRemoteDescription({ type: "answer", sdp: person.answer });
    return { ufrag: line(offer, "ice-ufrag"), etag: response.headers.get("ETag") };
  }

  /** Leave: end the session on the server, or, with `silently`, only here. */
  async function leave(name, silently = false) {
    const person = people.get(name);
    people.delete(name);
    clearInterval(person.timer);
    person.oscillator?.stop();
    person.element?.remove();
    person.canvas?.remove();
    const headers = { Authorization: `Bearer ${person.token}` };
    if (!silently && person.location) await fetch(person.location, { method: "DELETE", headers });
    person.connection.close();
  }

  /** The descriptions in force: the same text as before means that nothing was negotiated again. */
  function negotiated(name) {
    const { connection } = people.get(name);
    return [connection.currentLocalDescription.sdp, connection.currentRemoteDescription.sdp];
  }

  /** The user name of this connection's own checks: the server's ufrag, a colon, ours. */
  function checkUser(name) {
    const [ours, theirs] = negotiated(name).map((sdp) => sdp.match(/^a=ice-ufrag:(\S+)/m)[1]);
    return `${theirs}:${ours}`;
  }

  return {
    people, picture, tone, sound,
    only, pair, far, offered, publish, view, firstFrame, look, hear, stats, captureError, restartIce, leave, negotiated, checkUser,
  };
})();
