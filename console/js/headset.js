// The buttons of a headset, as far as the browser tells of them: microphone, camera, hang up.

const ACTS = { togglemicrophone: "microphone", togglecamera: "camera", hangup: "leave" };

/** Let the buttons do `acts` {microphone(), camera(), leave()}; gives what ends that. */
export function wearHeadset(acts) {
  const worn = Object.entries(ACTS).filter(([action, name]) => listen(action, () => acts[name]()));
  return () => {
    for (const [action] of worn) listen(action, null);
    tellHeadset({ microphone: false, camera: false });
  };
}

/** Show on the headset, and where the system shows it, what is on. */
export function tellHeadset({ microphone, camera }) {
  navigator.mediaSession?.setMicrophoneActive?.(microphone);
  navigator.mediaSession?.setCameraActive?.(camera);
}

/** True where the browser knows the action. */
function listen(action, act) {
  try {
    navigator.mediaSession?.setActionHandler(action, act);
    return Boolean(navigator.mediaSession);
  } catch (error) {
    // An action that this browser does not know (W3C Media Session, section 5.2).
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}
