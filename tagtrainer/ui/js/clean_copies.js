// Copies: a slider over distances with the count at each, groups as strips of pictures, one button for all that goes.
function makeCopies(view, root) {
  const PAGE = 40, SHOWN = 12, texts = view.texts;
  const pick = (name) => root.querySelector('.vw-clean-' + name);
  const slider = pick('distance'), mirrored = pick('mirrored'), list = pick('groups'), foot = pick('foot'), none = pick('none');
  let keep = new Set(), drop = new Set(), loaded = 0, found = null, mine = 0, busy = false;

  const look = (offset, limit) => ({ distance: +slider.value, mirrored: mirrored.checked, keep: [...keep], drop: [...drop], offset, limit });
  const ask = (offset, limit) => view.fetch('clean/{dataset}/duplicates', { json: look(offset, limit) });

  async function load() {
    const now = ++mine, answer = await ask(0, Math.min(200, Math.max(PAGE, loaded)));
    if (now !== mine) return;
    busy = false;
    accept(answer);
    loaded = answer.groups.length;
    list.replaceChildren(...answer.groups.map(group));
  }
  async function more() {
    if (busy || !found || loaded >= found.total) return;
    busy = true;
    const now = mine, answer = await ask(loaded, PAGE).catch(() => null);
    if (now !== mine) return;
    busy = false;
    if (!answer) return;
    loaded += answer.groups.length;
    list.append(...answer.groups.map(group));
  }
  function accept(answer) {
    found = answer;
    slider.max = answer.furthest;
    const looked = answer.all - answer.pending > 0 && answer.all > 0;
    root.classList.toggle('is-new', !looked);
    pick('settings').hidden = !looked;
    pick('known').textContent = lookedAt(texts, answer);
    pick('find').classList.toggle('is-main', answer.pending > 0);
    pick('find').disabled = !answer.pending;
    none.hidden = answer.total > 0;
    none.textContent = looked ? texts.no_copies : texts.copies_hint;
    numbers();
    chosen(answer.chosen);
  }
  function numbers() {
    const [groups, surplus] = found.counts[Math.min(+slider.value, found.counts.length - 1)] || [0, 0];
    pick('number').textContent = fillText(texts.groups, { groups: counted(groups), surplus: counted(surplus) });
    slider.setAttribute('aria-valuetext', pick('number').textContent);
  }
  function chosen(n) {
    found.chosen = n;
    foot.hidden = !found.total;
    pick('sum').textContent = fillText(n ? texts.will_go : texts.none_go, { n: counted(n), kept: counted(found.all - n) });
    pick('remove').textContent = fillText(texts.remove, { n: counted(n) });
    pick('remove').disabled = !n;
    pick('reset').hidden = !keep.size && !drop.size;
  }

  // The first picture of a group is proposed to stay; what somebody decides against the proposal is kept in `keep` and `drop`.
  function group(members) {
    const strip = el('div', { class: 'vw-clean-strip' }), box = el('section', { class: 'vw-clean-group' }, strip);
    const add = (rows, first) => strip.append(...rows.map((row, place) => tile(row, first + place === 0)));
    add(members.slice(0, SHOWN), 0);
    if (members.length > SHOWN) {
      const rest = el('button', { class: 'vw-link', text: fillText(texts.more, { n: counted(members.length - SHOWN) }),
        on: { click: () => { add(members.slice(SHOWN), SHOWN); rest.remove(); } } });
      box.append(rest);
    }
    return box;
  }
  function tile(row, best) {
    const stays = () => (best ? !drop.has(row.id) : keep.has(row.id));
    const toggle = () => {
      const set = best ? drop : keep;
      if (!set.delete(row.id)) set.add(row.id);
      chosen(found.chosen + (stays() ? -1 : 1));
      return stays();
    };
    return pictureTile(view, row, { facts: facts(row, best), on: stays(), toggle, mark: (on) => (on ? texts.keep : texts.goes) });
  }
  function facts(row, best) {
    const lines = [`${row.width} × ${row.height} · ${size(row.bytes)}`];
    if (row.sharp !== null) lines.push(fillText(texts.sharpness, { value: row.sharp }));
    const near = best ? [] : [row.exact ? texts.exact : row.distance ? fillText(texts.bits, { n: row.distance }) : texts.alike];
    if (row.mirrored) near.unshift(texts.is_mirrored);
    return near.length ? [...lines, near.join(' · ')] : lines;
  }
  function reset() {
    keep = new Set();
    drop = new Set();
  }

  const again = later(() => load().catch((error) => { if (!error.stale) view.say(error.message, { bad: true }); }), 160);
  slider.addEventListener('input', () => { if (found) numbers(); again(); });
  mirrored.addEventListener('change', again);
  pick('reset').addEventListener('click', () => { reset(); again(); });
  pick('remove').addEventListener('click', () => view.run(pick('remove'), async () => {
    const { offset, limit, ...wanted } = look(0, 1);
    const done = await view.fetch('clean/{dataset}/duplicates/remove', { json: wanted });
    reset();
    view.say(fillText(texts.removed, { n: counted(done.count) }), { undo: done.entry });
    await view.refresh();
  }));
  onEnd(pick('end'), more);
  return { load, find: pick('find'), clear() { reset(); loaded = 0; found = null; mine++; list.replaceChildren(); foot.hidden = none.hidden = true; pick('settings').hidden = true; } };
}
