// Clips as lines of time: four frames of each, and below them which frames every window takes.
const LANES = 9;

function drawClips(on, box, found) {
  box.hidden = !found.clips.count;
  if (box.hidden) return;
  box.querySelector('h3').textContent = on.texts.windows_title;
  const rows = box.querySelector('.vw-trainer-rows');
  rows.replaceChildren(...found.clips.items.map((row) => clipOf(on, row)));
  moreButton(on, box, rows, 'clips', found.clips.count, (row) => clipOf(on, row));
}

function clipOf(on, row) {
  const seconds = `${row.duration.toFixed(row.duration < 60 ? 1 : 0)} s`;
  const facts = [fillText(on.texts.clip_frames, { frames: many(row.frames) }), `${+row.fps.toFixed(2)} fps`, seconds];
  if (row.read < row.frames) facts.push(fillText(on.texts.read, { frames: many(row.read) }));
  return el('div', { class: 'vw-trainer-clip' },
    el('div', { class: 'vw-trainer-who' }, el('b', { text: row.name, title: row.name }), el('span', { text: facts.join(' · ') }), el('span', { class: row.windows.length ? 'is-said' : 'is-none', text: taken(on, row) })),
    timeline(on, row));
}

function taken(on, row) {
  if (!row.shape.length) return fillText(on.texts.too_short, { frames: row.short.join(', ') });
  const parts = row.shape.map(([length, count]) => fillText(on.texts[count === 1 ? 'one_window' : 'windows'], { count: many(count), frames: length }));
  return parts.join(' · ');
}

function timeline(on, row) {
  const strip = el('div', { class: 'vw-trainer-strip' },
    el('img', { src: tagtrainer.url(`video/${encodeURIComponent(on.view.dataset)}/strip/${encodeURIComponent(row.id)}?v=${row.v}`), loading: 'lazy', alt: '', draggable: false }),
    ...gaps(row.windows).map(([from, to]) => el('i', { style: span(from, to) })));
  const { lanes, left } = inLanes(row.windows);
  const lines = lanes.map((lane) => el('div', { class: 'vw-trainer-lane' }, ...lane.map(([from, to, length]) =>
    el('s', { style: span(from, to), title: `${Math.round(from * row.frames)}–${Math.round(to * row.frames)} · ${fillText(on.texts.of_frames, { frames: length })}` }))));
  if (left) lines.push(el('small', { text: fillText(on.texts.not_drawn, { count: many(left) }) }));
  return el('div', { class: 'vw-trainer-time' }, strip, ...lines);
}

const span = (from, to) => ({ left: `${(from * 100).toFixed(3)}%`, width: `${((to - from) * 100).toFixed(3)}%` });

// The parts of the clip that no window takes.
function gaps(windows) {
  const found = [];
  let end = 0;
  for (const [from, to] of [...windows].sort((a, b) => a[0] - b[0])) {
    if (from > end + 0.002) found.push([end, from]);
    end = Math.max(end, to);
  }
  if (end < 0.998) found.push([end, 1]);
  return found;
}

// Windows that overlap stand below each other; what does not fit into a few lanes is only counted.
function inLanes(windows) {
  const lanes = [];
  let left = 0;
  for (const one of windows) {
    const free = lanes.find((lane) => lane[0][2] === one[2] && lane[lane.length - 1][1] <= one[0] + 1e-9);
    if (free) free.push(one);
    else if (lanes.length < LANES) lanes.push([one]);
    else left++;
  }
  return { lanes, left };
}
