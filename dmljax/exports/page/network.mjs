// The network: opened from its file, and asked about pixels. The page and the export's own trial use it alike.

import * as ort from "./ort.wasm.bundle.min.mjs";

const WASM = "ort-wasm-simd-threaded.wasm";

// read: name of a file of this folder -> its bytes, a promise of an ArrayBuffer.
export async function open(read) {
  ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
  ort.env.wasm.wasmBinary = await read(WASM);
  const about = JSON.parse(new TextDecoder().decode(await read("dmljax.json")));
  const session = await ort.InferenceSession.create(new Uint8Array(await read("network.onnx")));
  return { about, session };
}

// pixels: Uint8Array [count, size, size, 3], RGB -> { output: its tensor }; .data has all images one after another.
export async function predict({ about, session }, pixels, count) {
  const size = about.image_size;
  return session.run({ images: new ort.Tensor("uint8", pixels, [count, size, size, 3]) });
}
