// Images, float32 in [-1, 1] with 1 or 3 channels, and pixels on canvases: keras_genzoo/images/pixels.py in JavaScript.

const { fround } = Math;

/** Rounds like the library: halves to the nearest even number. */
export function toUint8(values) {
  // An array of this kind clips, and rounds halves to even.
  return Uint8ClampedArray.from(values, (value) => fround(fround(value + 1) * 127.5));
}

/** Draws an image on a canvas, which is resized to fit. */
export function show(canvas, { data, height, width, channels }) {
  const bytes = toUint8(data);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * i + channel] = bytes[channels * i + (channels === 3 ? channel : 0)];
    }
    pixels.data[4 * i + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** The image on an opaque canvas. */
export function read(canvas, channels) {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const colour = [0, 1, 2].map((channel) => pixels[4 * i + channel] / 127.5 - 1);
    if (channels === 3) data.set(colour, 3 * i);
    else data[i] = luma(...colour);
  }
  return { data, height, width, channels };
}

/** The mean of the values at the border of an image. */
export function borderMean({ data, height, width, channels }) {
  let sum = 0;
  let num = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (y > 0 && x > 0 && y < height - 1 && x < width - 1) continue;
      for (let channel = 0; channel < channels; channel++) sum += data[channels * (y * width + x) + channel];
      num += channels;
    }
  }
  return sum / num;
}

/** Lets the browser save the picture on a canvas as a PNG file. */
export function download(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

/** The gray value of a color, with Pillow's weights (ITU-R BT.601). */
function luma(red, green, blue) {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
