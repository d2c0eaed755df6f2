// The page: a picture or the camera, a square around the face, and what the network says of what is in it.

import { open, predict } from "./network.mjs";
import { Square } from "./square.mjs";

const LARGEST = 1280; // pixels of the longer side of what is shown
const element = (id) => document.getElementById(id);
const canvas = element("picture");
const context = canvas.getContext("2d");
const tell = (text) => (element("state").textContent = text);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

let network = null;
let shown = null; // what can be drawn: an ImageBitmap or the camera's video
let stream = null;
let starting = false; // the camera was asked for and has not answered
let busy = false; // the network is being asked
let stale = false; // the square has moved since

const square = new Square(canvas, () => shown && redraw());

function redraw() {
  context.fillStyle = "white"; // as in training, under what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(shown, 0, 0, canvas.width, canvas.height);
  ask();
  square.draw(context);
}

function show(source, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  [canvas.width, canvas.height] = [Math.max(Math.round(width * scale), 1), Math.max(Math.round(height * scale), 1)];
  shown = source;
  square.reset();
}

// The pixels of the square, as the network takes them.
function cut() {
  const size = network.about.image_size;
  const seen = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
  seen.imageSmoothingQuality = "high";
  const scale = (shown.videoWidth ?? shown.width) / canvas.width;
  const [x, y, side] = [square.x, square.y, square.side].map((value) => value * scale);
  seen.fillStyle = "white";
  seen.fillRect(0, 0, size, size);
  seen.drawImage(shown, x, y, side, side, 0, 0, size, size);
  const { data } = seen.getImageData(0, 0, size, size);
  element("seen").getContext("2d").drawImage(seen.canvas, 0, 0, 96, 96);
  return Uint8Array.from({ length: 3 * size * size }, (_, k) => data[4 * Math.floor(k / 3) + (k % 3)]);
}

// Asks about the square, and once more if it has moved in the meantime.
async function ask() {
  if (!network || !shown) return;
  if (busy) {
    stale = true;
    return;
  }
  busy = true;
  try {
    do {
      stale = false;
      const found = await predict(network, cut(), 1);
      answer(Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.data])));
    } while (stale && shown);
  } catch (error) {
    tell(`The network cannot be run: ${error.message}`);
  } finally {
    busy = false;
  }
}

function bars(head, names, probabilities) {
  const rows = names.map((name, k) => {
    const row = document.createElement("div");
    row.className = "bar";
    const [label, track, fill, number] = ["span", "div", "div", "span"].map((kind) => document.createElement(kind));
    label.textContent = name;
    track.className = "track";
    fill.className = "fill";
    fill.style.width = percent(probabilities[k]).replace(" ", "");
    track.append(fill);
    number.textContent = percent(probabilities[k]);
    row.append(label, track, number);
    return row;
  });
  element(head).replaceChildren(...rows);
}

function likeliest(names, probabilities) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  return `${names[best]}, ${percent(probabilities[best])}`;
}

function answer(found) {
  const said = [];
  for (const head of ["expression", "pose"]) {
    const probabilities = found[`${head}_probability`];
    if (!probabilities) continue;
    const names = network.about[`${head}_names`];
    bars(head, names, Array.from(probabilities));
    said.push(`${head}: ${likeliest(names, Array.from(probabilities))}`);
  }
  const degrees = (value) => `${value.toFixed(0)}°`;
  if (found.yaw) said.push(`yaw: ${degrees(found.yaw[0])} (to the person's own left is positive)`);
  for (const name of ["yaw", "pitch", "roll"]) {
    if (found[`head_${name}`]) said.push(`${name} by the head for angles: ${degrees(found[`head_${name}`][0])}`);
  }
  element("said").replaceChildren(...said.flatMap((line) => [line, document.createElement("br")]));
  element("results").hidden = false;
}

async function choose(file) {
  if (!file) return;
  stopCamera();
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    show(bitmap, bitmap.width, bitmap.height);
    tell(file.name);
  } catch {
    tell(`${file.name} cannot be read as a picture; choose a JPEG, PNG or WebP file.`);
  }
}

async function startCamera() {
  if (!navigator.mediaDevices) {
    tell("The camera needs a page that comes by https, or from this machine (localhost).");
    return;
  }
  starting = true;
  let taken = null;
  const video = document.createElement("video");
  try {
    taken = await navigator.mediaDevices.getUserMedia({ video: true });
    Object.assign(video, { srcObject: taken, muted: true, playsInline: true });
    await video.play();
  } catch (error) {
    taken?.getTracks().forEach((track) => track.stop());
    taken = null;
    tell(`The camera cannot be used: ${error.message}`);
  }
  if (taken && !starting) taken.getTracks().forEach((track) => track.stop()); // it is no longer wanted
  if (!taken || !starting) {
    starting = false;
    return;
  }
  [stream, starting] = [taken, false];
  show(video, video.videoWidth, video.videoHeight);
  element("camera").textContent = "Stop";
  tell("Camera");
  const next = () => {
    if (shown !== video) return;
    redraw();
    requestAnimationFrame(next);
  };
  next();
}

function stopCamera() {
  starting = false;
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  [stream, shown] = [null, null];
  element("camera").textContent = "Camera";
  tell("The camera is off.");
}

function listen() {
  element("file").addEventListener("change", (event) => {
    choose(event.target.files[0]);
    event.target.value = ""; // so that the same one can be chosen again
  });
  element("camera").addEventListener("click", () => {
    if (starting) return;
    if (stream) stopCamera();
    else startCamera();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files[0]);
  });
}

async function start() {
  listen();
  try {
    network = await open(async (name) => {
      const answered = await fetch(name);
      if (!answered.ok) throw new Error(`${name}: ${answered.status}`);
      return answered.arrayBuffer();
    });
  } catch (error) {
    const served = location.protocol === "file:" ? " Serve the folder, as by: python3 -m http.server" : "";
    tell(`The network cannot be loaded (${error.message}).${served}`);
    return;
  }
  const { run, step, sets, licence, image_size: size } = network.about;
  element("about").textContent =
    `Network: ${run}, step ${step}, trained on ${sets.join(" and ")}, ${size} × ${size} pixels; ` +
    `licence: ${licence}. Computed by ONNX Runtime Web (MIT).`;
  if (!shown) tell("Choose a picture, or start the camera.");
  ask();
}

start();
