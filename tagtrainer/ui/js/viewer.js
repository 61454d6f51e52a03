// The large picture and its caption. Saves on leaving the field; never loses what was typed.
// makeViewer(root, {texts, src(item), load(item), save(item, text, expected), onSaved(item, caption, rev), onMove(step)})
function makeViewer(root, options) {
  const find = (name) => root.querySelector('.gl-' + name), texts = options.texts;
  const picture = find('large'), name = find('name'), facts = find('facts'), box = find('caption'), status = find('status');
  const conflict = find('conflict'), place = find('place');
  const clip = makeClip(picture, { texts, address: options.clip, facts: options.clipFacts,
    onFacts: (of, said) => { if (item === of) facts.textContent = `${of.width} × ${of.height} · ${said} · ${size(of.bytes)}`; } });
  const partners = makePartners(find('stage'), picture, { load: options.partners, src: options.partner });
  let item = null, known = '', ticket = 0, saving = Promise.resolve();

  find('previous').addEventListener('click', () => options.onMove(-1));
  find('next').addEventListener('click', () => options.onMove(1));

  function say(text, kind) { status.textContent = text; status.dataset.kind = kind || ''; }

  function empty() {
    ticket++;
    item = null;
    known = box.value = '';
    box.disabled = true;
    clip.hide();
    partners.show(null);
    picture.removeAttribute('src');
    name.textContent = facts.textContent = place.textContent = '';
    conflict.hidden = true;
    say('');
  }

  // The picture and what is known of it; another crop is another picture.
  function tell(of) {
    if (picture.getAttribute('src') !== options.src(of)) picture.src = options.src(of);
    const more = [of.flagged && texts.is_flag, of.crop && texts.is_crop, of.repeats > 1 && `×${of.repeats}`].filter(Boolean);
    facts.textContent = [`${of.width} × ${of.height}`, size(of.bytes), ...more].join(' · ');
  }

  async function open(next, where) {
    place.textContent = where;
    if (item && next && item.id === next.id) return;
    save();
    const mine = ++ticket;
    item = next;
    conflict.hidden = true;
    say('');
    picture.alt = name.textContent = name.title = next.name;
    tell(next);
    if (next.media === 'video') clip.show(next); else clip.hide();
    partners.show(next);
    box.disabled = true;
    box.value = '';
    try {
      const full = await options.load(next);
      if (mine !== ticket) return;
      known = box.value = full.caption;
      box.disabled = false;
      if (wantsFocus) { box.focus(); wantsFocus = false; }
    } catch (error) {
      if (mine === ticket) say(error.message, 'bad');
    }
  }

  let wantsFocus = false;
  function focus() { if (box.disabled) wantsFocus = true; else box.focus(); }

  function dirty() { return item && !box.disabled && box.value !== known; }

  function save(force) {
    if (!dirty()) return saving;
    const mine = item, text = box.value, expected = force ? null : known;
    known = text;
    say(texts.saving);
    saving = saving.then(() => options.save(mine, text, expected)).then((answer) => {
      if (item === mine) { if (box.value === text) known = answer.caption; say(texts.saved, 'good'); conflict.hidden = true; }
      options.onSaved(mine, answer.caption, answer.rev);
    }).catch((error) => failed(mine, text, expected, error));
    return saving;
  }

  // What was typed stays in the field; if the reader has gone on meanwhile, the field comes back with it.
  async function failed(mine, text, expected, error) {
    if (item !== mine) {
      ticket++;
      item = mine;
      options.onReturn(mine);
      picture.src = options.src(mine);
      name.textContent = mine.name;
    }
    box.disabled = false;
    box.value = text;
    known = expected === null ? '' : expected;
    say(error.message, 'bad');
    if (error.key !== 'datasets.caption_changed') return;
    const theirs = await options.load(mine).then((full) => full.caption, () => null);
    if (theirs === null || item !== mine) return;
    conflict.hidden = false;
    conflict.querySelector('p').textContent = theirs || texts.empty_caption;
    conflict.querySelector('.gl-theirs').onclick = () => { known = box.value = theirs; conflict.hidden = true; say('');
      options.onSaved(mine, theirs, null); };
    conflict.querySelector('.gl-mine').onclick = () => { known = theirs; conflict.hidden = true; save(); };
  }

  box.addEventListener('blur', () => { if (conflict.hidden) save(); });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); wantsFocus = true; save(); options.onMove(1); }
    else if (event.key === 'PageDown' || event.key === 'PageUp') { event.preventDefault(); wantsFocus = true; save(); options.onMove(event.key === 'PageDown' ? 1 : -1); }
    else if (event.key === 'Escape') { event.preventDefault(); save(); options.onLeave(); }
  });
  box.addEventListener('input', () => say(dirty() ? texts.unsaved : ''));
  window.addEventListener('pagehide', () => { if (dirty()) options.last(item, box.value, known); });
  empty();

  return {
    open, empty, save, focus,
    get id() { return item ? item.id : ''; },
    get dirty() { return dirty(); },
    // The caption was changed elsewhere: shown at once unless somebody is typing here.
    async refresh(newer) {
      if (item && newer && newer.id === item.id) tell(item = newer);
      if (!item || dirty() || box.disabled) return;
      const mine = ticket, full = await options.load(item).catch(() => null);
      if (full && mine === ticket && !dirty() && full.caption !== known) known = box.value = full.caption;
    },
  };
}
