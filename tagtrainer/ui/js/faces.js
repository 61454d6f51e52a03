const PAGE = 40, spared = new Set();
let rows = [], total = 0, counts = null, asked = 0;
const view = makeView(element, props, watch, {
  async show(_dataset, _kind, { first }) {
    if (first) { await models(); job.attach(); }
    await list(Math.max(PAGE, rows.length));
  },
  leave() { rows = []; spared.clear(); pick('faces-list').replaceChildren(); pick('faces-left').replaceChildren(); pick('faces-bar').hidden = pick('faces-empty').hidden = true; },
});
const { texts, pick } = view;
const inputs = [...view.root.querySelectorAll('.vw-faces-rule')];
const rules = () => Object.fromEntries(inputs.filter((input) => input.value !== '' && input.checkValidity()).map((input) => [input.name, Number(input.value)]));
const job = makeJob(view, pick('faces-job'), { path: 'faces/{dataset}/run', onDone(result, state) { finished(result, state); } });
const say = (error) => { if (!error.stale) view.say(error.message, { bad: true }); };

// Packages and weights: what is here, under which licence, and how to get the rest.
async function models() {
  const found = await view.fetch('faces/{dataset}/models'), box = pick('faces-weights'), missing = found.weights.filter((one) => !one.here);
  box.replaceChildren(...(found.opencv ? [] : [el('p', { text: fillText(texts.no_opencv, found) })]), ...found.weights.map(weights));
  if (missing.length && found.opencv) {
    const facts = { size: size(missing.reduce((sum, one) => sum + one.bytes, 0)), hosts: missing[0].hosts };
    const button = el('button', { class: 'vw-button vw-faces-download', text: fillText(texts.download, facts), on: { click: () => view.run(button, () => job.start({ download: true })) } });
    box.append(el('div', { class: 'vw-row' }, button, el('span', { class: 'vw-note vw-grow', text: fillText(texts.download_from, facts) })));
  }
  pick('faces-find').disabled = !found.opencv;
  if (!found.opencv) pick('faces-models').open = true;
}
function weights(one) {
  const path = el('input', { type: 'text', value: one.own, placeholder: texts.path, spellcheck: false, 'aria-label': texts.path, class: 'vw-grow' });
  const save = el('button', { class: 'vw-button', text: texts.use, on: { click: () => view.run(save, async () => {
    view.say('');
    await view.fetch('faces/{dataset}/models', { json: { name: one.name, path: path.value } });
    await models();
  }) } });
  const state = one.own ? texts.own : one.here ? texts.here : texts.absent;
  return el('div', { class: 'vw-row vw-faces-weight' }, el('span', { class: 'vw-faces-what' }, el('b', { text: texts[one.name] }), el('small', { text: `${one.licence} · ${state}` })), path, save);
}

async function list(limit, offset = 0) {
  const mine = ++asked, query = new URLSearchParams({ ...rules(), offset, limit: Math.min(100, limit) });
  const found = await view.fetch(`faces/{dataset}/people?${query}`);
  if (mine !== asked) return;
  rows = offset ? rows.concat(found.rows) : found.rows;
  total = found.total;
  counts = { ...found.counts, measured: found.measured, apart: found.apart };
  const drawn = found.rows.map((row, index) => line(row, rows[offset + index - 1]));
  if (offset) pick('faces-list').append(...drawn); else pick('faces-list').replaceChildren(...drawn);
  pick('faces-left').replaceChildren(...(found.measured ? found.left_out.map((text) => el('p', { class: 'vw-note', text })) : []));
  bar();
}
function bar() {
  const empty = pick('faces-empty'), remove = pick('faces-remove'), left = counts.redundant - spared.size;
  pick('faces-bar').hidden = !counts.measured;
  empty.hidden = counts.measured > 0;
  empty.textContent = texts.empty;
  pick('faces-said').textContent = fillText(counts.redundant ? texts.said : texts.said_none, { ...counts, people: counts.apart ? counts.people : texts.unknown });
  remove.hidden = !counts.redundant;
  remove.disabled = left < 1;
  remove.textContent = fillText(texts.remove, { count: left });
}
function line(row, before) {
  const head = !counts.apart ? texts.everybody : row.person ? fillText(texts.person, { number: row.person }) : texts.alone;
  const fresh = !before || before.person !== row.person;
  return el('section', { class: 'vw-faces-row' + (fresh ? ' is-first' : '') }, fresh ? el('h3', { text: head }) : '',
    el('div', { class: 'vw-note', text: fillText(row.alike ? texts.group : texts.others, row) }),
    el('div', { class: 'vw-faces-tiles' }, row.members.map(face), row.count > row.members.length ? el('span', { class: 'vw-note', text: `+ ${row.count - row.members.length}` }) : ''));
}
function face(one) {
  const img = el('img', { src: tagtrainer.url(`faces/${encodeURIComponent(view.dataset)}/face/${encodeURIComponent(one.id)}/${encodeURIComponent(one.by)}?v=${one.v}`), alt: '', loading: 'lazy', decoding: 'async', draggable: false,
    on: { error: () => { img.style.visibility = 'hidden'; } } }); // removed by hand: found again when faces are looked for
  const whole = thumb(view.dataset, one, 'preview', { alt: '' });
  const mark = el('span', { class: 'vw-faces-mark' }), note = el('small', { text: one.why, title: one.why });
  const tile = el(one.why ? 'button' : 'div', { class: 'vw-faces-tile', 'data-item': one.id, title: one.name }, el('span', { class: 'vw-faces-pair' }, img, whole, mark), el('b', { text: one.name }), note);
  const draw = () => {
    const gone = Boolean(one.why) && !spared.has(one.id);
    tile.classList.toggle('is-gone', gone);
    mark.textContent = gone ? texts.goes : one.why ? texts.stays : '';
    if (one.why) tile.setAttribute('aria-pressed', String(gone));
  };
  if (one.why) tile.addEventListener('click', () => { if (!spared.delete(one.id)) spared.add(one.id); draw(); bar(); });
  draw();
  return tile;
}
function finished(result, state) {
  models().catch(say);
  if (state.status === 'stopped') view.say(texts.stopped);
  else if (result && result.failed && result.failed.length) view.say(fillText(texts.failed, { count: result.failed.length, ...result.failed[0] }), { bad: true });
  else if (result && 'with_face' in result) view.say(fillText(texts.done, result));
  spared.clear();
  list(PAGE).catch(say);
}
pick('faces-find').addEventListener('click', () => view.run(pick('faces-find'), () => job.start()));
pick('faces-remove').addEventListener('click', () => view.run(pick('faces-remove'), async () => {
  const { count } = await view.fetch('faces/{dataset}/remove', { json: { ...rules(), spared: [...spared], count: counts.redundant - spared.size } });
  view.say(fillText(texts.removed, { count }), { undo: true });
  spared.clear();
  await view.accept();
  await list(Math.max(PAGE, rows.length));
}).then(() => counts && bar()));
for (const input of inputs) input.addEventListener('change', () => { if (input.checkValidity()) { spared.clear(); list(PAGE).catch(say); } });
new IntersectionObserver(([seen]) => { if (seen.isIntersecting && rows.length && rows.length < total) list(PAGE, rows.length).catch(say); },
  { rootMargin: '600px' }).observe(pick('faces-more'));
