// The portrait pipeline: a form that is kept, a job line, and one card per stage.
const view = makeView(element, props, watch, { show, leave: () => { report.replaceChildren(); after.hidden = true; } });
const stageNames = JSON.parse(view.root.querySelector('[data-stages]').dataset.stages), texts = view.texts;
const report = view.pick('report'), after = view.pick('after'), where = view.pick('where'), zip = view.pick('zip');
const boxes = [...view.pick('stages').querySelectorAll('input')];
let choices = { profiles: [], ways: [] }, entry = '';
const KEPT = 'tagtrainer.portrait';
const path = 'portrait/{dataset}/job';

const job = makeJob(view, view.pick('job-box'), { path, onState: draw, onDone: (result, state) => {
  if (state.status === 'completed') view.say(fillText(texts.finished, { n: state.stages.length ? state.stages[state.stages.length - 1].out : 0 }));
  else if (state.status === 'stopped') view.say(texts.stopped);
  view.accept();
} });

async function show() {
  choices = await view.fetch('portrait/{dataset}/choices');
  for (const [name, list] of [['by', choices.ways], ['profile', choices.profiles]]) {
    const select = view.pick(name), held = select.value;
    select.replaceChildren(...list.map((one) => el('option', { value: one.id, text: one.name })));
    if (list.some((one) => one.id === held)) select.value = held;
  }
  restore();
  say();
  await job.attach();
}

const plan = () => ({
  source: view.pick('source').value, stages: ['unpack', ...boxes.filter((box) => box.checked).map((box) => box.value)],
  distance: +view.pick('distance').value, keep: +view.pick('keep').value, by: view.pick('by').value,
  target: view.pick('target').value.trim(), profile: view.pick('profile').value,
});

function restore() {
  const kept = JSON.parse(localStorage.getItem(KEPT) || 'null');
  if (!kept) return;
  for (const name of ['distance', 'keep', 'target']) view.pick(name).value = kept[name] ?? view.pick(name).value;
  for (const name of ['by', 'profile']) if ([...view.pick(name).options].some((one) => one.value === kept[name])) view.pick(name).value = kept[name];
  for (const box of boxes) box.checked = kept.stages.includes(box.value);
}

// Where pictures go is said before anything starts.
function say() {
  const now = plan(), used = [];
  if (now.stages.includes('caption')) used.push(choices.profiles.find((one) => one.id === now.profile));
  if (now.stages.includes('focus') || now.stages.includes('crop')) used.push(choices.ways.find((one) => one.id === now.by));
  const hosts = [...new Set(used.filter(Boolean).map((one) => one.host).filter(Boolean))];
  where.textContent = hosts.length ? hosts.map((host) => fillText(texts.sent, { host })).join(' ') : texts.stays;
  where.classList.toggle('is-remote', hosts.length > 0);
  if (!choices.count && !now.source.trim()) where.textContent = texts.no_pictures;
}
view.pick('portrait-form').addEventListener('input', () => {
  const { source, ...kept } = plan();
  localStorage.setItem(KEPT, JSON.stringify(kept));
  say();
});

view.pick('start').addEventListener('click', (event) => view.run(event.target, async () => {
  view.say('');
  report.replaceChildren();
  after.hidden = true;
  await job.start(plan());
}));

view.pick('undo').addEventListener('click', (event) => view.run(event.target, async () => {
  const done = await view.fetch('history/{dataset}/undo', { json: { entry } });
  view.say(fillText(done.conflicts ? texts.undone_but : texts.undone, done));
  after.hidden = true;
  view.accept();
}));

function draw(state) {
  const stages = state.stages || [], busy = state.status === 'queued' || state.status === 'running';
  entry = state.entry;
  const key = JSON.stringify(stages) + busy;
  if (report.dataset.key !== key) {
    report.dataset.key = key;
    report.replaceChildren(...stages.map(card));
    const next = (state.plan || [])[stages.length];
    if (busy && next) report.append(el('p', { class: 'vw-note', text: fillText(texts.running, { stage: stageNames[next] }) }));
  }
  view.pick('start').disabled = busy;
  const packed = stages.find((one) => one.file);
  zip.hidden = !packed;
  if (packed) zip.href = tagtrainer.url(view.path('portrait/{dataset}/zip/') + encodeURIComponent(packed.file));
  after.hidden = busy || !stages.some((one) => one.changed);
}

function card(stage) {
  const lost = stage.into - stage.out, fate = ['focus', 'caption'].includes(stage.name) ? texts.failed_some : texts.dropped;
  const facts = [fillText(texts.in_out, stage), stage.dropped.length ? fillText(fate, { n: stage.dropped.length }) : '', fillText(texts.seconds, { n: stage.seconds })];
  const tiles = stage.show.slice(0, 8).map((id) => el('img', { loading: 'lazy', alt: '',
    src: tagtrainer.url(view.path('datasets/{dataset}/preview/') + encodeURIComponent(id) + '?v=' + encodeURIComponent(stage.name + view.rev)),
    on: { error: (event) => event.target.remove() } }));
  const rows = stage.dropped.slice(0, 200).map((one) => el('li', {}, el('b', { text: one.name }), ' ', el('span', { text: one.reason })));
  return el('article', { class: 'vw-panel vw-stage', 'data-stage': stage.name },
    el('header', {}, el('strong', { text: stageNames[stage.name] }), el('span', { class: 'vw-note', text: facts.filter(Boolean).join(' · ') })),
    stage.note ? el('p', { text: stage.note }) : null,
    tiles.length ? el('div', { class: 'vw-strip' }, tiles) : null,
    rows.length ? el('details', { open: rows.length <= 4 }, el('summary', { text: fillText(fate, { n: stage.dropped.length }) }), el('ul', {}, rows)) : null);
}
