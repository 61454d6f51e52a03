// The view "manage": forms that start jobs, and the trash.
let trash = null;
const view = makeView(element, props, watch, {
  async show() {
    await know();
    scopes();
    await trash.refresh();
    await Promise.all(Object.values(jobs).map((job) => (job.busy ? null : job.attach())));
  },
  leave() {
    trash.leave();
    for (const name of ['done', 'conflicts']) pick(name).hidden = true;
    for (const name of ['copy-name', 'split-name', 'path']) pick(name).value = '';
  },
});
const { texts } = view, pick = (name) => view.pick('manage-' + name);
let known = { name: '', others: [], stats: { count: 0, bytes: 0 } };
trash = makeTrash(view, { onChange: () => view.accept().then(know), onDataset: (id, name) => made(texts.back, id, name) });

// Opens another dataset: the page finds it in the browser's memory, as after any reload.
function open(id) {
  for (const memory of [sessionStorage, localStorage]) memory.setItem('tagtrainer.dataset', id);
  location.reload();
}

// One line on top that says what was made, with a way there.
function made(text, id, name, values = {}) {
  view.say(fillText(text, { name, ...values }));
  const line = view.root.querySelector(':scope > .vw-notice');
  if (line && id) line.querySelector('span').after(el('button', { class: 'vw-link vw-manage-open', text: texts.open, on: { click: () => open(id) } }));
}

async function know() {
  known = await view.fetch('manage/{dataset}/start');
  pick('total').textContent = fillText(texts.total, { n: known.stats.count, size: size(known.stats.bytes) });
  const source = pick('source'), before = source.value;
  source.replaceChildren(...known.others.map((other) => el('option', { value: other.id, text: fillText(texts.other, { name: other.name, n: other.count }) })));
  if (known.others.some((other) => other.id === before)) source.value = before;
  pick('merge-fields').hidden = !known.others.length;
  pick('no-other').hidden = known.others.length > 0;
  pick('copy-name').placeholder = fillText(texts.copy_of, { name: known.name });
}

const fields = [...view.root.querySelectorAll('.vw-manage-scope')];
function scopes() {
  const chosen = gallerySelection(view.dataset);
  for (const field of fields) {
    const radio = field.querySelector('input[value=items]'), words = field.querySelector('.vw-manage-selection');
    words.textContent = chosen && chosen.n ? fillText(texts.selected, { n: chosen.n }) : chosen ? texts.selected_all : texts.selection;
    radio.disabled = !chosen;
    if (radio.checked && !chosen) field.querySelector(field.dataset.scope === 'export' ? 'input[value=all]' : 'input[value=filter]').checked = true;
    field.querySelector('.vw-manage-filter').hidden = !field.querySelector('input[value=filter]').checked;
  }
}
function scopeOf(name) {
  const field = fields.find((one) => one.dataset.scope === name), way = field.querySelector('input:checked').value;
  return way === 'items' ? (gallerySelection(view.dataset) || { scope: { items: [] } }).scope : way === 'filter' ? { expr: field.querySelector('.vw-manage-filter').value } : {};
}
for (const field of fields) field.addEventListener('change', scopes);
window.addEventListener('tagtrainer:selection', () => { if (view.visible) scopes(); });
new ResizeObserver(() => { if (view.visible) scopes(); }).observe(view.root.querySelector('.vw-manage-frame'));

const job = (verb, done, state = null) => makeJob(view, pick(verb + '-job'), { path: `manage/{dataset}/job/${verb}`, onDone: done, onState: state });
function ended(verb, state) {
  if (state.status === 'stopped') view.say(texts['stopped_' + verb] || texts.stopped);
  return state.status === 'completed';
}
const jobs = {
  export: job('export', (result, state) => {
    if (ended('export', state) && !state.download) exported(result, '');
  }, (state) => { if (state.status === 'completed' && state.download) exported(state.result, state.download); else if (state.status === 'running') pick('done').hidden = true; }),
  duplicate: job('duplicate', (result, state) => { if (ended('duplicate', state)) { made(texts.duplicated, result.id, pick('copy-name').value || pick('copy-name').placeholder); know(); } }),
  split: job('split', (result, state) => {
    if (!ended('split', state)) return;
    made(result.moved ? texts.split_moved : texts.split_done, result.id, '', { n: result.items });
    know();
    trash.refresh();
  }),
  merge: job('merge', (result, state) => {
    if (!ended('merge', state)) return;
    const undo = result.added || result.captions ? true : null;
    view.say(fillText(texts.merged, { added: result.added, same: result.same }), { undo });
    conflicts(result, state.more || 0);
    know();
    trash.refresh();
  }),
};

function exported(result, token) {
  const done = pick('done');
  const words = fillText(texts.exported, { n: result.items, size: size(result.bytes) });
  const where = token
    ? el('a', { class: 'vw-button is-main vw-manage-download', text: texts.download, href: tagtrainer.url(view.path(`manage/{dataset}/download/${token}`)), download: '' })
    : el('code', { text: result.path });
  done.replaceChildren(el('span', { text: words }), where);
  done.hidden = false;
}

function conflicts(result, more) {
  const box = pick('conflicts');
  box.hidden = !result.conflicts.length;
  const rows = result.conflicts.map((row) => el('tr', {}, el('td', { text: row.name }), el('td', { text: row.kept }), el('td', { text: row.other })));
  box.replaceChildren(el('p', { text: fillText(texts.conflicts, { n: result.conflicts.length + more }) }),
    el('table', { class: 'vw-table' }, el('thead', {}, el('tr', {}, ...['name', 'kept', 'other_caption'].map((name) => el('th', { text: texts[name] })))),
      el('tbody', {}, rows)));
}

function form(name, body) {
  pick(name).addEventListener('submit', (event) => {
    event.preventDefault();
    view.run(event.submitter, async () => { view.say(''); await jobs[name].start(body()); });
  });
}
form('export', () => {
  pick('done').hidden = true;
  const where = pick('export').elements.vw_manage_where.value;
  return { where, layout: pick('layout').value, path: pick('path').value, trash: pick('with-trash').checked, as_trained: pick('cut').checked, ...scopeOf('export') };
});
form('duplicate', () => ({ name: pick('copy-name').value, history: pick('history').checked, trash: pick('trash-too').checked }));
form('split', () => ({ name: pick('split-name').value, move: pick('move').checked, ...scopeOf('split') }));
form('merge', () => ({ source: pick('source').value, prefer: pick('prefer').value, delete_source: pick('drop').checked }));

function where() {
  const folder = pick('export').elements.vw_manage_where.value === 'folder';
  pick('folder').hidden = !folder;
  pick('layout-about').textContent = texts['about_' + pick('layout').value];
}
pick('export').addEventListener('change', where);
where();
