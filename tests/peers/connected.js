// A page that uses console/js/connection.js: its offers go to the test's door, its pictures and sounds are known.
"use strict";

globalThis.connected = (() => {
  const { people, picture, tone, sound } = globalThis.peers;
  const handles = new Map();
  const states = [];
  const offers = [];
  let connection = null;
  let id = null;
  let held = null;

  async function exchange(sdp, lines, fresh) {
    const { ApiError } = await import("/js/api.js");
    offers.push({ lines: lines.length, fresh, sdp });
    if (held) await held.promise;
    if (fresh) id = null;
    const body = JSON.stringify({ connection: id, sdp, lines });
    const response = await fetch("/offer", { method: "POST", body }).catch(() => {
      throw new ApiError("network");
    });
    const answer = await response.json();
    if (!response.ok) throw new ApiError(answer.code, { status: response.status });
    id = answer.connection;
    return answer;
  }

  /** A track has come: show or play it in an element of its own. */
  function agreed(handle) {
    if (handle.way === "send") return;
    const person = people.get(handle.called);
    person.element?.remove();
    const element = document.createElement("video");
    Object.assign(element, { autoplay: true, muted: true, srcObject: new MediaStream([handle.track]) });
    document.body.append(element);
    person.element = element;
    person.colours = [];
    if (handle.kind === "audio") {
      person.analyser = new AnalyserNode(sound, { fftSize: 16384, smoothingTimeConstant: 0 });
      new MediaStreamAudioSourceNode(sound, { mediaStream: element.srcObject }).connect(person.analyser);
      return;
    }
    const note = () => {
      person.colours.push(globalThis.peers.look(handle.called).colour);
      if (person.element === element) element.requestVideoFrameCallback(note);
    };
    element.requestVideoFrameCallback(note);
  }

  async function open() {
    await sound.resume();
    const { Connection } = await import("/js/connection.js");
    const changed = (state, error) => states.push({ state, code: error?.code ?? null, detail: error?.detail ?? "" });
    connection = new Connection({ exchange, changed, agreed });
  }

  /** Take several lines in one turn: [{called, source, kind, context}]. */
  function take(wishes) {
    for (const { called, source, kind, context } of wishes) {
      people.set(called, {});
      handles.set(called, Object.assign(connection.take(source, kind, context), { called }));
    }
  }

  function release(names) {
    for (const name of names) {
      connection.release(handles.get(name));
      handles.delete(name);
      people.get(name).element?.remove();
      people.delete(name);
    }
  }

  /** Let some lines go and take others, in one turn. */
  function swap(names, wishes) {
    release(names);
    take(wishes);
  }

  /** Publish a colour and a tone: [{source, name, colour, frequency, width, height, rate}]. */
  function publish(wishes) {
    for (const wish of wishes) {
      const person = { colour: wish.colour };
      const video = picture(person, wish.width, wish.height, wish.rate);
      people.set(`publish-${wish.source}`, person);
      handles.set(
        `${wish.source}-video`,
        connection.publish(wish.source, wish.name, video, "video", wish.encodings ?? null),
      );
      handles.set(`${wish.source}-audio`, connection.publish(wish.source, wish.name, tone(person, wish.frequency)));
    }
  }

  /** Publish so large a colour without sound, in the layers the page would. */
  async function publishLayered(source, colour, width, height) {
    const { encodingsOf } = await import("/js/encodings.js");
    const person = { colour };
    const track = picture(person, width, height, 5);
    people.set(`publish-${source}`, person);
    handles.set(`${source}-video`, connection.publish(source, source, track, "video", encodingsOf({ width, height })));
  }

  /** The server needs these layers of the first line. */
  const need = (rids) => connection.need("0", rids);
  const active = () => Object.fromEntries(
    connection.peer.getTransceivers()[0].sender.getParameters().encodings.map(({ rid, active: on }) => [rid, on]),
  );
  /** How many media lines the newest offer that was answered has. */
  const width = () => connection.peer.currentLocalDescription.sdp.match(/^m=/gm).length;

  function repaint(source, colour) {
    people.get(`publish-${source}`).colour = colour;
  }

  function withdraw(name) {
    connection.withdraw(handles.get(name));
    handles.delete(name);
  }

  async function replaceTrack(name, colour) {
    const person = { colour };
    await connection.replaceTrack(handles.get(name), picture(person, 320, 180, 15));
  }

  /** The inbound or outbound statistics of lines by name: the first of each. */
  async function stats() {
    const report = [...(await connection.peer.getStats()).values()];
    const mids = new Map(connection.peer.getTransceivers().map((item) => [item.receiver.track.id, item.mid]));
    const senders = new Map(connection.peer.getTransceivers().map((item) => [item.sender.track?.id, item.mid]));
    const found = {};
    for (const [name, handle] of handles) {
      const received = handle.way === "receive";
      const mid = received ? mids.get(handle.track?.id) : senders.get(handle.track?.id);
      const type = received ? "inbound-rtp" : "outbound-rtp";
      found[name] = report.find((entry) => entry.type === type && entry.mid === mid) ?? null;
    }
    return found;
  }

  async function figures(names) {
    const { figures: read } = await import("/js/stats.js");
    const group = names.map((name) => handles.get(name));
    const [before] = await connection.sample([group]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [now] = await connection.sample([group]);
    return group[0].way === "send" ? now : read(now, before);
  }

  const mids = () => connection.peer.getTransceivers().map((item) => item.mid);
  const mid = (name) => connection.peer.getTransceivers().find((item) => item.receiver.track === handles.get(name).track)?.mid;
  const summary = () => ({ state: connection.state, states, offers: offers.length, id, retryAt: connection.retryAt });
  const offered = () => offers;
  const ufrag = () => connection.peer.currentLocalDescription.sdp.match(/^a=ice-ufrag:(\S+)/m)[1];
  const colours = (name) => people.get(name).colours ?? [];

  /** Keep offers from the server until `go`. */
  function hold() {
    held = {};
    held.promise = new Promise((resolve) => (held.resolve = resolve));
  }

  function go() {
    held.resolve();
    held = null;
  }

  return {
    open, take, release, swap, publish, publishLayered, need, active, width, repaint, withdraw, replaceTrack, stats, figures, mids, mid, summary, offered,
    ufrag, colours, hold, go,
    peer: () => connection.peer,
    networkChanged: () => connection.networkChanged(),
    close: () => connection.close(),
  };
})();
