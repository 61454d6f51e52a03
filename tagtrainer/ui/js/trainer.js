// What the trainer sees: the settings are asked of the server as they change, the answer is drawn at once.
const view = makeView(element, props, watch, { show, leave: () => { ticket++; blank(); } });
const fields = [...view.root.querySelectorAll('[data-set]')];
const field = (name) => fields.find((node) => node.dataset.set === name);
const sides = [...view.root.querySelectorAll('[data-side]')], ways = [...view.root.querySelectorAll('[data-way]')];
const drawing = { view, texts: view.texts, thumb: (item, kind) => thumb(view.dataset, item, kind), more };
let ticket = 0, timer = 0, way = 'head', shownFor = '';

const whole = (node) => Math.round(Number(node.value)) || 0;
const isVideo = () => view.kind === 'video';
const place = () => 'tagtrainer.trainer.' + (isVideo() ? 'video' : 'image');

function asked() {
  const json = { extraction: way, frames: field('frames').value.split(/[^0-9]+/).filter(Boolean).map(Number).slice(0, 20) };
  for (const node of fields) {
    const name = node.dataset.set;
    if (node.type === 'checkbox') json[name] = node.checked;
    else if (name === 'source_fps') json[name] = Number(node.value) || 0;
    else if (name === 'model') json[name] = isVideo() ? node.value : '';
    else if (name !== 'frames') json[name] = whole(node);
  }
  if (isVideo()) Object.assign(json, { enable_bucket: true, no_upscale: false });
  return json;
}

function remember() {
  try { localStorage.setItem(place(), JSON.stringify({ way, values: fields.map((node) => (node.type === 'checkbox' ? node.checked : node.value)) })); } catch { /* a private window */ }
}

function recall() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(place())); } catch { /* nothing usable there */ }
  if (kept && Array.isArray(kept.values) && kept.values.length === fields.length) {
    fields.forEach((node, index) => { if (node.type === 'checkbox') node.checked = kept.values[index] === true; else node.value = String(kept.values[index]); });
    if (ways.some((node) => node.dataset.way === kept.way)) way = kept.way;
  } else if (isVideo()) { field('width').value = 960; field('height').value = 544; }
}

async function show() {
  if (shownFor !== place()) { shownFor = place(); recall(); }
  mark();
  const mine = ++ticket;
  const found = await view.fetch('trainer/{dataset}/look', { json: asked() });
  if (mine === ticket) draw(found);
}

function mark() {
  const [width, height] = [whole(field('width')), whole(field('height'))];
  for (const node of sides) node.classList.toggle('is-on', width === height && width === Number(node.dataset.side));
  for (const node of ways) { node.classList.toggle('is-on', node.dataset.way === way); node.setAttribute('aria-pressed', node.dataset.way === way); }
  for (const node of view.root.querySelectorAll('.vw-trainer-for')) node.hidden = !node.dataset.for.split(' ').includes(way);
  view.pick('trainer-clips').hidden = !isVideo();
  view.pick('trainer-sides').hidden = isVideo();
  for (const name of ['enable_bucket', 'no_upscale']) view.root.querySelector(`[data-check=${name}]`).hidden = isVideo();
  field('no_upscale').disabled = !field('enable_bucket').checked;
  view.pick('trainer-way').textContent = view.texts[way + '_how'];
}

function changed(wait) {
  mark();
  remember();
  clearTimeout(timer);
  timer = setTimeout(() => show().then(() => view.say('')).catch((error) => { if (!error.stale) { blank(); view.say(error.message, { bad: true }); } }), wait);
}

function blank() {
  for (const name of ['buckets', 'windows', 'cropped', 'enlarged', 'empty']) view.pick('trainer-' + name).hidden = true;
  view.pick('trainer-numbers').replaceChildren();
  view.pick('trainer-notes').replaceChildren();
}

function draw(found) {
  view.pick('trainer-empty').hidden = found.total > 0;
  if (!found.total) { blank(); view.pick('trainer-empty').hidden = false; return; }
  drawNumbers(drawing, view.pick('trainer-numbers'), found);
  drawNotes(drawing, view.pick('trainer-notes'), found);
  drawBuckets(drawing, view.pick('trainer-buckets'), found);
  drawClips(drawing, view.pick('trainer-windows'), found);
  drawTiles(drawing, view.pick('trainer-cropped'), 'cropped', found.cropped);
  drawTiles(drawing, view.pick('trainer-enlarged'), 'enlarged', found.enlarged);
}

async function more(part, offset) {
  const mine = ticket, found = await view.fetch('trainer/{dataset}/more', { json: { ...asked(), part, offset } });
  return mine === ticket ? found.items : [];
}

for (const node of fields) node.addEventListener(node.type === 'checkbox' || node.tagName === 'SELECT' ? 'change' : 'input', () => changed(250));
for (const node of sides) node.addEventListener('click', () => { field('width').value = field('height').value = node.dataset.side; changed(0); });
for (const node of ways) node.addEventListener('click', () => { way = node.dataset.way; changed(0); });
