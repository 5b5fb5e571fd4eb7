/* Browsers refuse workers to pages opened from the disk. There, the search runs in a hidden frame. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = frame.contentWindow;
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inner = new Promise((resolve, reject) => {
        const script = inner.document.createElement("script");
        script.src = address;
        script.onload = () => resolve(inner);
        script.onerror = reject;
        inner.document.body.append(script);
      });
    }

    async postMessage(data) {
      (await this.inner).dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
