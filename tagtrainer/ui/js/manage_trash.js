// The trash of a dataset as tiles, and deleted datasets. makeTrash(view, {onChange}) -> {refresh, leave}
function makeTrash(view, options) {
  const { texts, pick } = view, tiles = pick('manage-tiles'), more = pick('manage-more'), lying = pick('manage-lying');
  const restore = pick('manage-restore'), empty = pick('manage-empty'), acts = pick('manage-acts'), ask = pick('manage-ask');
  const box = pick('manage-deleted'), rows = box.querySelector('tbody');
  const PAGE = 60;
  const chosen = new Set();
  let total = 0, shown = 0, wanted = PAGE;

  function tile(item) {
    const src = tagtrainer.url(`manage/${encodeURIComponent(view.dataset)}/trash/preview/${encodeURIComponent(item.id)}?v=${item.v}`);
    const made = el('button', { class: 'vw-tile vw-manage-tile', title: item.name, 'aria-pressed': String(chosen.has(item.id)), on: { click: () => {
      chosen[chosen.has(item.id) ? 'delete' : 'add'](item.id);
      made.setAttribute('aria-pressed', String(chosen.has(item.id)));
      draw();
    } } }, el('img', { src, loading: 'lazy', decoding: 'async', alt: '' }), el('b', { text: item.name }),
    el('small', { text: `${item.width} × ${item.height} · ${size(item.bytes)}` }));
    return made;
  }

  function draw() {
    const n = chosen.size;
    lying.textContent = !total ? texts.trash_empty : n ? fillText(texts.lying_chosen, { n, total }) : fillText(texts.lying, { n: total });
    restore.textContent = n ? fillText(texts.restore_some, { n }) : texts.restore_all;
    empty.textContent = n ? fillText(texts.empty_some, { n }) : texts.empty;
    restore.hidden = empty.hidden = !total;
    more.hidden = shown >= total;
    if (!total) question(false);
  }

  function question(on) {
    acts.hidden = on;
    ask.hidden = !on;
    if (on) ask.querySelector('em').textContent = fillText(texts.empty_question, { n: chosen.size || total });
  }

  async function refresh() {
    const found = await view.fetch(`manage/{dataset}/trash?offset=0&limit=${wanted}`);
    const there = new Set(found.items.map((item) => item.id));
    for (const id of [...chosen]) if (!there.has(id)) chosen.delete(id);
    total = found.total;
    shown = found.items.length;
    tiles.replaceChildren(...found.items.map(tile));
    draw();
    drawDeleted((await tagtrainer.fetchJson('manage/deleted')).datasets);
  }

  async function act(path) {
    const { count } = await view.fetch('manage/{dataset}/trash/' + path, { json: { items: [...chosen] } });
    chosen.clear();
    question(false);
    view.say(fillText(texts[path === 'empty' ? 'emptied' : 'restored'], { n: count }));
    await refresh();
    options.onChange();
  }
  restore.addEventListener('click', () => view.run(restore, () => act('restore')));
  empty.addEventListener('click', () => { question(true); pick('manage-no').focus(); });
  pick('manage-no').addEventListener('click', () => { question(false); empty.focus(); });
  pick('manage-yes').addEventListener('click', (event) => view.run(event.currentTarget, () => act('empty')));
  more.addEventListener('click', () => view.run(more, () => { wanted = Math.min(500, wanted + 240); return refresh(); }));

  function drawDeleted(list) {
    box.hidden = !list.length;
    const key = JSON.stringify(list);
    if (rows.dataset.key === key) return; // a question that is open stays open
    rows.dataset.key = key;
    rows.replaceChildren(...list.map(deletedRow));
  }

  function deletedRow(row) {
    const post = (path, then) => (event) => view.run(event.currentTarget, async () => {
      const answer = await tagtrainer.fetchJson('manage/deleted/' + path, { json: { folder: row.folder } });
      await refresh();
      then(answer);
    });
    const back = el('button', { class: 'vw-link', text: texts.restore, on: { click: post('restore', ({ id }) => options.onDataset(id, row.name)) } });
    const purge = el('button', { class: 'vw-link', text: texts.purge, on: { click: () => { idle.hidden = true; sure.hidden = false; keep.focus(); } } });
    const keep = el('button', { class: 'vw-button', text: texts.keep, on: { click: () => { idle.hidden = false; sure.hidden = true; purge.focus(); } } });
    const yes = el('button', { class: 'vw-button is-danger', text: texts.purge_yes, on: { click: post('purge', () => view.say(fillText(texts.purged, { name: row.name }))) } });
    const idle = el('span', { class: 'vw-manage-row-acts' }, back, purge);
    const sure = el('span', { class: 'vw-manage-row-acts', hidden: true }, el('em', { text: texts.purge_question }), yes, keep);
    const when = new Date(row.deleted * 1000).toLocaleDateString(document.documentElement.lang || undefined);
    return el('tr', {}, el('td', { text: row.name }), el('td', { class: 'is-number', text: row.count }),
      el('td', { class: 'is-number', text: size(row.bytes) }), el('td', { class: 'is-number', text: when }), el('td', {}, idle, sure));
  }

  return { refresh, leave() { chosen.clear(); wanted = PAGE; question(false); tiles.replaceChildren(); } };
}
