// The Clean view: two halves, one of them shown; one job that looks.
const view = makeView(element, props, watch, { show, leave });
const halves = { copies: makeCopies(view, view.pick('clean-copies')), quality: makeQuality(view, view.pick('clean-quality')) };
const only = { copies: 'duplicates', quality: 'quality' };
const job = makeJob(view, view.pick('clean-job'), { path: 'clean/{dataset}/job', onDone: finished, onState: (state) => lock(state.status) });
const tabs = [...element.querySelectorAll('.vw-clean-section')], large = view.pick('clean-large');
let section = 'copies';

function open(name) {
  section = name;
  tabs.forEach((tab) => {
    const on = tab.dataset.section === name;
    tab.classList.toggle('is-on', on);
    tab.setAttribute('aria-selected', String(on));
    view.pick('clean-' + tab.dataset.section).hidden = !on;
  });
}

async function show(_, __, { first }) {
  if (first) job.attach();
  await halves[section].load();
}

function leave() {
  Object.values(halves).forEach((half) => half.clear());
  if (large.open) large.close();
}

function lock(status) {
  const busy = status === 'queued' || status === 'running';
  view.root.classList.toggle('is-busy', busy);
}

function finished(result, state) {
  lock(state.status);
  if (state.status === 'stopped') view.say(view.texts.stopped);
  else if (state.status === 'completed' && result && result.failed) view.say(fillText(view.texts.unreadable, { n: counted(result.failed) }), { bad: true });
  halves[section].load().catch((error) => { if (!error.stale) view.say(error.message, { bad: true }); });
}

for (const [name, half] of Object.entries(halves)) {
  half.find.addEventListener('click', () => view.run(half.find, async () => { view.say(''); await job.start({ only: only[name] }); }));
}
tabs.forEach((tab) => tab.addEventListener('click', () => { open(tab.dataset.section); if (view.dataset) halves[section].load().catch((error) => { if (!error.stale) view.say(error.message, { bad: true }); }); }));
large.addEventListener('click', () => large.close());
open('copies');
