// The crop of one picture, large: drag it, drag its corners, or use keys. Numbers are pixels of the original.
function cropBox(texts, onChange) {
  const corners = ['nw', 'ne', 'sw', 'se'].map((name) => el('span', { class: `vw-crop-corner is-${name}` }));
  corners.forEach((corner) => { corner.dataset.corner = corner.className.slice(-2); });
  const frame = el('div', { class: 'vw-crop-frame', tabIndex: 0, role: 'group' }, corners);
  const subject = el('div', { class: 'vw-crop-subject' });
  const stage = el('div', { class: 'vw-crop-stage' });
  let now = null; // {box, ratio, width, height}
  let held = null;

  const place = (node, [x, y, w, h]) => {
    Object.assign(node.style, { left: `${100 * x / now.width}%`, top: `${100 * y / now.height}%`,
      width: `${100 * w / now.width}%`, height: `${100 * h / now.height}%` });
  };
  function draw() {
    place(frame, now.box);
    const [x, y, width, height] = now.box;
    frame.setAttribute('aria-label', fillText(texts.box, { x, y, width, height }));
  }
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  function set(box) {
    now.box = box;
    draw();
    onChange(box);
  }
  function move(x, y) {
    const [, , w, h] = now.box;
    set([clamp(Math.round(x), 0, now.width - w), clamp(Math.round(y), 0, now.height - h), w, h]);
  }
  const sized = (wide, highest) => { const w = Math.max(1, Math.floor(wide)); return [w, Math.max(1, Math.min(highest, Math.round(w / now.ratio)))]; };
  // The side `width` wide with the corner opposite to (right, down) staying where it is.
  function resize(width, right, down) {
    const [x, y, w, h] = now.box, fixed = [right ? x : x + w, down ? y : y + h];
    const room = Math.min(right ? now.width - fixed[0] : fixed[0], (down ? now.height - fixed[1] : fixed[1]) * now.ratio);
    const least = Math.min(room, Math.max(8, 8 * now.ratio, Math.min(now.width, now.height * now.ratio) * 0.05));
    const wide = clamp(width, least, room);
    const size = sized(wide, down ? now.height - fixed[1] : fixed[1]);
    set([right ? fixed[0] : fixed[0] - size[0], down ? fixed[1] : fixed[1] - size[1], ...size]);
  }
  function zoom(by) {
    const [x, y, w, h] = now.box;
    const wide = clamp(w * by, Math.max(8, 8 * now.ratio), Math.min(now.width, now.height * now.ratio));
    const size = sized(wide, now.height);
    set([clamp(Math.round(x + (w - size[0]) / 2), 0, now.width - size[0]), clamp(Math.round(y + (h - size[1]) / 2), 0, now.height - size[1]), ...size]);
  }
  frame.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    frame.setPointerCapture(event.pointerId);
    held = { x: event.clientX, y: event.clientY, box: [...now.box], corner: event.target.dataset.corner || '', scale: now.width / stage.clientWidth };
  });
  frame.addEventListener('pointermove', (event) => {
    if (!held) return;
    const dx = (event.clientX - held.x) * held.scale, dy = (event.clientY - held.y) * held.scale;
    if (!held.corner) { move(held.box[0] + dx, held.box[1] + dy); return; }
    const right = held.corner.endsWith('e'), down = held.corner.startsWith('s');
    const across = (right ? dx : -dx), along = (down ? dy : -dy) * now.ratio;
    now.box = [...held.box];
    resize(held.box[2] + (Math.abs(across) > Math.abs(along) ? across : along), right, down);
  });
  for (const name of ['pointerup', 'pointercancel']) frame.addEventListener(name, () => { held = null; });
  frame.addEventListener('keydown', (event) => {
    const step = (event.shiftKey ? 0.05 : 0.01) * Math.max(now.width, now.height), [x, y] = now.box;
    const acts = { ArrowLeft: () => move(x - step, y), ArrowRight: () => move(x + step, y), ArrowUp: () => move(x, y - step), ArrowDown: () => move(x, y + step),
      '+': () => zoom(1.03), '=': () => zoom(1.03), '-': () => zoom(1 / 1.03) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  });
  return {
    stage, frame,
    show(picture, row) {
      now = { box: [...row.box], ratio: row.aim[0] ? row.aim[0] / row.aim[1] : row.box[2] / row.box[3], width: row.width, height: row.height };
      stage.style.setProperty('--ratio', row.width / row.height);
      stage.replaceChildren(picture, subject, frame);
      place(subject, row.subject);
      draw();
    },
    get box() { return now.box; },
    set box(value) { set([...value]); },
  };
}
