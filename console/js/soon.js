// Work that is put off, so that what people see does not wait for it: to make a connection with ten lines takes 20 ms.

/** Do `act` in a task of its own, soon; timers would wait long on a page that nobody looks at. */
export function nextTask(act) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    act();
  };
  port2.postMessage(null);
}
