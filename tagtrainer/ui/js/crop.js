const job = { line: null }, PAGE = 120;
let rows = [], total = 0, show = 'all', counts = null, asked = 0, at = -1, options = null;
const view = makeView(element, props, watch, {
  async show(_dataset, _kind, { first }) { if (first) await begin(); else await list(Math.max(PAGE, rows.length)); },
  leave() { rows = []; total = 0; show = 'all'; at = -1; options = null; clear(); },
});
const { texts, pick } = view;
const target = pick('crop-target'), own = pick('crop-size'), by = pick('crop-by'), filter = pick('crop-filter'), grid = pick('crop-grid');
const look = () => ({ target: target.value || own.value.trim() || '1024x1024', by: by.value || 'auto', filter: filter.value.trim() });
const query = (more = {}) => new URLSearchParams({ ...look(), ...more }).toString();
const picture = (row) => el('img', { src: tagtrainer.url(`crop/${encodeURIComponent(view.dataset)}/picture/${encodeURIComponent(row.id)}?v=${row.v}`),
  alt: '', loading: 'lazy', decoding: 'async', draggable: false });
job.line = makeJob(view, pick('crop-job'), { path: 'crop/{dataset}/focus', onDone(result, state) { finished(result, state); } });

async function begin() {
  const mine = view.dataset;
  options = await view.fetch('crop/{dataset}/options');
  if (mine !== view.dataset) return;
  ways();
  pick('crop-pairs').hidden = !view.kind.includes('control');
  job.line.attach();
  await list(PAGE);
}
function ways() {
  const kept = by.value, group = el('optgroup', { label: texts.vision });
  by.replaceChildren(...options.ways.filter((way) => !way.name).map((way) => el('option', { value: way.id, text: texts[way.id] })));
  for (const way of options.ways.filter((one) => one.name)) group.append(el('option', { value: way.id, text: way.host ? `${way.name} (${way.host})` : way.name }));
  if (group.childElementCount) by.append(group);
  const used = Object.keys(options.known);
  by.value = kept || (used.length && !used.includes('auto') ? used[0] : 'auto');
  if (by.selectedIndex < 0) by.value = 'auto';
  where();
}
function where() {
  const way = options && options.ways.find((one) => one.id === by.value), line = pick('crop-where'), faces = pick('crop-faces');
  line.textContent = way && way.host ? fillText(texts.remote, way) : texts.local;
  line.classList.toggle('is-remote', Boolean(way && way.host));
  faces.hidden = !options || !['auto', 'face'].includes(by.value);
  faces.textContent = options ? fillText(texts[options.faces.tool || 'none'], options.faces) : '';
}
function clear() { grid.replaceChildren(); pick('crop-bar').hidden = true; pick('crop-empty').hidden = true; dialog.close(); }

async function list(count, offset = 0) {
  const mine = ++asked;
  const found = await view.fetch(`crop/{dataset}/offers?${query({ show, offset, limit: Math.min(240, count) })}`);
  if (mine !== asked) return;
  rows = offset ? rows.concat(found.rows) : found.rows;
  total = found.total;
  counts = found.counts;
  bar();
  if (offset) grid.append(...found.rows.map(tile)); else grid.replaceChildren(...rows.map(tile));
}
function bar() {
  pick('crop-bar').hidden = !counts.all && !counts.cropped;
  const empty = pick('crop-empty');
  empty.hidden = rows.length > 0;
  empty.textContent = counts.all ? texts.nothing : texts.empty;
  const chips = [['all', counts.all], ['cut', counts.cut], ['small', counts.small], ['skipped', counts.skipped]].filter(([name, count]) => name === 'all' || count || name === show);
  pick('crop-chips').replaceChildren(...chips.map(([name, count]) => el('button', { class: 'vw-button vw-crop-chip' + (name === show ? ' is-on' : ''),
    'aria-pressed': String(name === show), on: { click: () => { show = name; list(PAGE).catch(say); } } }, el('span', { text: texts[name] }), el('b', { text: count }))),
    counts.all && counts.missing ? el('span', { class: 'vw-note', text: fillText(texts.missing, { count: counts.missing }) }) : '');
  const apply = pick('crop-apply'), reset = pick('crop-reset');
  apply.textContent = counts.changes ? fillText(texts.apply, { count: counts.changes }) : texts.applied_all;
  apply.disabled = !counts.changes;
  apply.hidden = !counts.all;
  reset.hidden = !counts.cropped;
  reset.textContent = fillText(texts.reset, { count: counts.cropped });
}
function badges(row) {
  const found = [];
  if (row.state === 'skipped') found.push([texts.is_skipped, '']);
  else if (row.applied) found.push([row.box[2] === row.width && row.box[3] === row.height ? texts.is_whole : texts.is_cropped, 'is-good']);
  if (!row.whole) found.push([texts.is_cut, 'is-bad']);
  if (row.enlarged > 1) found.push([fillText(texts.is_small, { factor: row.enlarged.toFixed(row.enlarged < 1.1 ? 2 : 1) }), 'is-bad']);
  return found.map(([text, kind]) => el('span', { class: `vw-crop-badge ${kind}`, text }));
}
function tile(row) {
  const [x, y, w, h] = row.box, frame = el('span', { class: 'vw-crop-frame' }), inner = el('span', { class: 'vw-crop-inner' }, picture(row), frame);
  inner.style.setProperty('--ratio', row.width / row.height);
  inner.classList.toggle('is-tall', row.height > row.width);
  Object.assign(frame.style, { left: `${100 * x / row.width}%`, top: `${100 * y / row.height}%`, width: `${100 * w / row.width}%`, height: `${100 * h / row.height}%` });
  const button = el('button', { class: 'vw-crop-open', 'aria-label': fillText(texts.open, row), on: { click: () => openAt(rows.findIndex((one) => one.id === row.id)) } }, inner);
  const skip = el('button', { class: 'vw-link vw-crop-pass', text: row.state === 'skipped' ? texts.unskip : texts.skip,
    on: { click: () => view.run(skip, () => decide(row, row.state === 'skipped' ? 'open' : 'skipped', row.drawn ? row.box : null)) } });
  return el('div', { class: 'vw-crop-tile' + (row.state === 'skipped' ? ' is-skipped' : ''), 'data-item': row.id },
    button, el('div', { class: 'vw-crop-name' }, el('b', { text: row.name, title: row.name }), skip), el('div', { class: 'vw-crop-badges' }, badges(row)));
}
function redraw(row) {
  const index = rows.findIndex((one) => one.id === row.id);
  if (index < 0) return;
  rows[index] = row;
  grid.children[index].replaceWith(tile(row));
}
async function decide(row, state, box) {
  const found = await view.fetch(`crop/{dataset}/decide?${query()}`, { json: { target: look().target, item: row.id, state, box } });
  counts = found.counts;
  if (found.row) redraw(found.row);
  bar();
  return found.row;
}

// One picture, large.
let changed = false;
const stage = cropBox(texts, () => { changed = true; says(); });
const facts = el('div', { class: 'vw-note vw-crop-facts' }), title = el('b', { class: 'vw-crop-title' });
const button = (name, act, kind = '') => el('button', { class: `vw-button ${kind} vw-crop-${name}`, text: texts[name], on: { click: act } });
const skipping = button('skip', () => settle('skipped'));
const dialog = el('dialog', { class: 'vw vw-crop-dialog' },
  el('div', { class: 'vw-row' }, title, el('span', { class: 'vw-grow' }), el('button', { class: 'vw-link', text: '‹', title: texts.previous, 'aria-label': texts.previous, on: { click: () => step(-1) } }),
    el('button', { class: 'vw-link', text: '›', title: texts.next, 'aria-label': texts.next, on: { click: () => step(1) } }),
    el('button', { class: 'vw-link vw-crop-close', text: texts.close, on: { click: () => dialog.close() } })),
  stage.stage, facts,
  el('div', { class: 'vw-row vw-crop-acts' }, button('accept', () => settle('accepted'), 'is-main'), skipping, button('offered', () => offered()), el('span', { class: 'vw-note vw-grow', text: texts.keys })));
view.root.append(dialog);
function openAt(index) {
  if (index < 0 || index >= rows.length) return;
  at = index;
  const row = rows[at];
  changed = false;
  title.textContent = row.name;
  skipping.textContent = row.state === 'skipped' ? texts.unskip : texts.skip;
  stage.show(thumb(view.dataset, row, 'whole', { loading: 'eager' }), row);
  says();
  if (!dialog.open) dialog.showModal();
  stage.frame.focus();
}
function says() {
  const row = rows[at], [x, y, width, height] = stage.box, [left, top, across, down] = row.subject;
  const whole = left >= x && top >= y && left + across <= x + width && top + down <= y + height, factor = row.aim[0] ? Math.max(row.aim[0] / width, row.aim[1] / height) : 0;
  const parts = [fillText(texts.says_box, { width, height, all_width: row.width, all_height: row.height })];
  if (row.aim[0]) parts.push(fillText(texts.says_aim, { width: row.aim[0], height: row.aim[1] }));
  if (factor > 1) parts.push(fillText(texts.says_small, { factor: factor.toFixed(2) }));
  parts.push(whole ? texts.says_whole : texts.says_cut, texts['source_' + row.source]);
  facts.textContent = parts.join(' · ');
}
function step(by) { if (at + by >= 0 && at + by < rows.length) openAt(at + by); }
async function settle(state) {
  const row = rows[at], last = at === rows.length - 1, back = state === 'skipped' && row.state === 'skipped';
  const done = await view.run(null, () => decide(row, back ? 'open' : state, changed || row.drawn ? stage.box : null));
  if (done === undefined || !dialog.open) return;
  if (last || back) { if (back) openAt(at); else dialog.close(); } else step(1);
}
function offered() {
  view.run(null, async () => { const row = await decide(rows[at], 'open', null); if (row) openAt(at); });
}
dialog.addEventListener('keydown', (event) => {
  if (event.target.tagName === 'BUTTON' && event.key === 'Enter') return;
  const acts = { Enter: () => settle('accepted'), s: () => settle('skipped'), PageDown: () => step(1), PageUp: () => step(-1) };
  if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  acts[event.key]();
});
dialog.addEventListener('close', () => { const tileOf = grid.children[at]; if (tileOf) tileOf.querySelector('button').focus(); });

const say = (error) => { if (!error.stale) view.say(error.message, { bad: true }); };
function finished(result, state) {
  if (state.status === 'stopped') view.say(texts.stopped);
  else if (result && result.failed && result.failed.length) view.say(fillText(texts.failed, { count: result.failed.length, ...result.failed[0] }), { bad: true });
  else if (result && 'found' in result) view.say(fillText(texts.done, result));
  list(PAGE).catch(say);
}
pick('crop-find').addEventListener('click', () => view.run(pick('crop-find'), () => job.line.start({ by: look().by, filter: filter.value.trim() })));
pick('crop-apply').addEventListener('click', () => view.run(pick('crop-apply'), async () => {
  const { count } = await view.fetch('crop/{dataset}/apply', { json: look() });
  view.say(fillText(texts.cropped, { count }), { undo: true });
  await view.accept();
  await list(Math.max(PAGE, rows.length));
}).then(() => counts && bar()));
pick('crop-reset').addEventListener('click', () => view.run(pick('crop-reset'), async () => {
  const { count } = await view.fetch('crop/{dataset}/reset', { json: { filter: filter.value.trim() } });
  view.say(fillText(texts.uncropped, { count }), { undo: true });
  await view.accept();
  await list(Math.max(PAGE, rows.length));
}));
target.addEventListener('change', () => {
  pick('crop-own').hidden = Boolean(target.value);
  if (target.value) list(PAGE).catch(say); else own.focus();
});
own.addEventListener('change', () => list(PAGE).catch(say));
by.addEventListener('change', () => { where(); list(PAGE).catch(say); });
filter.addEventListener('change', () => list(PAGE).catch(say));
new IntersectionObserver(([seen]) => { if (seen.isIntersecting && rows.length && rows.length < total) list(PAGE, rows.length).catch(say); },
  { rootMargin: '600px' }).observe(pick('crop-more'));
