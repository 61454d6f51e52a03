// Numbers, buckets and pictures of the view "What the trainer sees". Every function empties its place and fills it again.
const many = (number) => Number(number).toLocaleString();

function drawNumbers(on, box, found) {
  const video = found.kind === 'video';
  const figures = [
    [video ? on.texts.clips : on.texts.pictures, found.total],
    [on.texts.samples, found.samples],
    [on.texts.batches, found.batches],
    ...(video ? [[on.texts.short, found.short.count]] : [[on.texts.enlarged, found.enlarged.count], [on.texts.cropped, found.cropped.count]]),
  ];
  box.replaceChildren(...figures.map(([label, number]) => el('div', { class: 'vw-trainer-figure' }, el('b', { text: many(number) }), el('span', { text: label }))));
}

function drawNotes(on, box, found) {
  const notes = [...found.notes];
  if (found.left_out) notes.push(fillText(on.texts.left_out, { count: many(found.left_out) }));
  const counts = Object.entries(found.controls);
  if (counts.length) notes.push(fillText(on.texts.controls, { list: counts.map(([number, count]) => fillText(on.texts.control_count, { number, count: many(count) })).join(', ') }));
  box.replaceChildren(...notes.map((text) => el('p', { class: 'vw-trainer-note', text })));
}

// One rectangle for each training size, all drawn to one scale, filled the more the more of the dataset lands there.
function drawBuckets(on, box, found) {
  box.hidden = !found.buckets.length;
  const tallest = Math.max(...found.buckets.flatMap((row) => [row.width, row.height]), 1), most = Math.max(...found.buckets.map((row) => row.samples), 1);
  const rows = [...found.buckets].sort((a, b) => a.width / a.height - b.width / b.height || a.frames - b.frames);
  const list = box.querySelector('.vw-trainer-rects'), high = Math.max(...rows.map((row) => row.height), 1);
  list.style.setProperty('--tall', `${Math.max(10, Math.round(high / tallest * 84))}px`);
  list.replaceChildren(...rows.map((row) => {
    const side = (pixels) => `${Math.max(10, Math.round(pixels / tallest * 84))}px`;
    const shape = el('div', { class: 'vw-trainer-rect', style: { width: side(row.width), height: side(row.height), '--share': String(0.1 + 0.75 * row.samples / most) } });
    const size = row.frames ? `${row.width} × ${row.height} · ${fillText(on.texts.of_frames, { frames: row.frames })}` : `${row.width} × ${row.height}`;
    return el('div', { class: 'vw-trainer-bucket', title: fillText(on.texts.samples_in, { samples: many(row.samples), batches: many(row.batches) }) },
      el('div', { class: 'vw-trainer-holder' }, shape), el('b', { text: many(row.items) }), el('span', { text: size }),
      el('small', { text: fillText(on.texts.in_batches, { batches: many(row.batches) }) }));
  }));
}

function drawTiles(on, box, part, found) {
  box.hidden = !found.count;
  box.querySelector('h3').textContent = fillText(on.texts[part + '_title'], { count: many(found.count) });
  const tiles = box.querySelector('.vw-trainer-tiles');
  tiles.replaceChildren(...found.items.map((row) => tileOf(on, part, row)));
  moreButton(on, box, tiles, part, found.count, (row) => tileOf(on, part, row));
}

// The whole picture with what the trainer keeps of it inside a frame; the rest is dimmed.
function tileOf(on, part, row) {
  const percent = (share) => `${(share * 100).toFixed(3)}%`, [x, y, width, height] = row.box;
  const ratio = Math.min(3.2, Math.max(0.4, row.width / row.height));
  const cut = part === 'cropped' ? el('div', { class: 'vw-trainer-cut', style: { left: percent(x), top: percent(y), width: percent(width), height: percent(height) } }) : null;
  const said = part === 'cropped' ? fillText(on.texts.loses, { percent: (row.lost * 100).toFixed(0) }) : fillText(on.texts.scaled, { scale: row.scale.toFixed(row.scale < 10 ? 2 : 0) });
  return el('figure', { class: 'vw-trainer-tile', title: row.name, style: { '--ratio': String(ratio) } },
    el('div', { class: 'vw-trainer-picture' }, on.thumb(row, 'preview'), cut),
    el('figcaption', {}, el('b', { text: row.name }), el('span', { text: `${row.width}\u00a0×\u00a0${row.height}\u00a0→ ${row.bucket[0]}\u00a0×\u00a0${row.bucket[1]}` }), el('span', { class: 'is-said', text: said })));
}

// "Show more" below a list that is longer than what was sent.
function moreButton(on, box, list, part, count, draw) {
  box.querySelectorAll(':scope > .vw-link').forEach((old) => old.remove());
  const left = count - list.children.length;
  if (left < 1) return;
  const button = el('button', { class: 'vw-link', text: fillText(on.texts.more, { count: many(left) }) });
  button.addEventListener('click', () => on.view.run(button, async () => {
    const items = await on.more(part, list.children.length);
    list.append(...items.map(draw));
    moreButton(on, box, list, part, items.length ? count : 0, draw);
  }));
  box.append(button);
}
