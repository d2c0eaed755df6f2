// The square around the face on a canvas: moved and sized by pointer, wheel and keys, kept inside the picture.

const HANDLE = 0.15; // share of the side that takes hold of the lower right corner
const LEAST = 16; // pixels

export class Square {
  // changed is called after each change.
  constructor(canvas, changed) {
    Object.assign(this, { canvas, changed, x: 0, y: 0, side: 1, held: null });
    canvas.addEventListener("pointerdown", (event) => this.take(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.held = null));
    canvas.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.press(event));
  }

  // The largest one in the middle of the picture.
  reset() {
    this.place(this.canvas.width / 2, this.canvas.height / 2, Math.min(this.canvas.width, this.canvas.height));
  }

  place(middleX, middleY, side) {
    const { width, height } = this.canvas;
    this.side = Math.min(Math.max(side, LEAST), width, height);
    this.x = Math.min(Math.max(middleX - this.side / 2, 0), width - this.side);
    this.y = Math.min(Math.max(middleY - this.side / 2, 0), height - this.side);
    this.changed();
  }

  // Where a pointer is, in pixels of the canvas.
  at(event) {
    const shown = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / shown.width;
    return { x: (event.clientX - shown.left) * scale, y: (event.clientY - shown.top) * scale };
  }

  take(event) {
    const { x, y } = this.at(event);
    const corner = Math.hypot(x - this.x - this.side, y - this.y - this.side) < Math.max(HANDLE * this.side, LEAST);
    const inside = x >= this.x && y >= this.y && x <= this.x + this.side && y <= this.y + this.side;
    if (!corner && !inside) this.place(x, y, this.side);
    this.held = { corner, x: x - this.x, y: y - this.y };
    this.canvas.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.held) return;
    const { x, y } = this.at(event);
    if (!this.held.corner) {
      this.place(x - this.held.x + this.side / 2, y - this.held.y + this.side / 2, this.side);
      return;
    }
    const room = Math.min(this.canvas.width - this.x, this.canvas.height - this.y);
    const side = Math.min(Math.max(x - this.x, y - this.y, LEAST), room); // the opposite corner stays
    this.place(this.x + side / 2, this.y + side / 2, side);
  }

  turn(event) {
    if (event.ctrlKey || event.metaKey) return; // the browser's own zoom
    event.preventDefault();
    this.grow(event.deltaY < 0 ? 1.08 : 1 / 1.08);
  }

  grow(factor) {
    this.place(this.x + this.side / 2, this.y + this.side / 2, this.side * factor);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey) return;
    const step = Math.max(this.side / 20, 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      const [right, down] = moves[event.key];
      this.place(this.x + this.side / 2 + right, this.y + this.side / 2 + down, this.side);
    } else if (event.key === "+") this.grow(1.08);
    else if (event.key === "-") this.grow(1 / 1.08);
    else return;
    event.preventDefault();
  }

  draw(context) {
    context.lineWidth = Math.max(this.canvas.width / 250, 2);
    context.strokeStyle = "#2563a8";
    context.strokeRect(this.x, this.y, this.side, this.side);
    const handle = Math.max(this.side / 12, 8);
    context.fillStyle = "#2563a8";
    context.fillRect(this.x + this.side - handle, this.y + this.side - handle, handle, handle);
  }
}
