// Asks for the live sheet a moment after anything in the form was touched; the server skips what did not change.
const touched = (() => {
  let timer = 0;
  return (wait = 500) => {
    clearTimeout(timer);
    timer = setTimeout(() => document.querySelector('#training_refresh')?.click(), wait);
  };
})();
window.tagtrainer = window.tagtrainer || {};
tagtrainer.refreshTraining = () => touched(60);
for (const kind of ['input', 'change', 'focusout', 'pointerup']) {
  document.addEventListener(kind, (event) => {
    const target = event.target;
    if (target.closest && (target.closest('#training_form') || target.closest('[role=option]')) && !target.closest('#training_search')) touched();
  }, true);
}
// A problem leads to where it is mended: a tab, or a field, its fold opened and a search that hides it emptied.
const seen = (node) => node && node.offsetParent !== null;
const until = async (ready) => { for (let turn = 0; turn < 50 && !ready(); turn++) await new Promise((done) => setTimeout(done, 100)); };
const reach = async ({ mend, fold }) => {
  const target = () => document.getElementById(mend), search = document.querySelector('#training_search textarea, #training_search input');
  if (search?.value && !seen(target())) {
    search.value = '';
    search.dispatchEvent(new Event('input', { bubbles: true }));
    await until(() => seen(document.getElementById(fold || mend)));
  }
  if (fold && !seen(target())) document.querySelector(`#${CSS.escape(fold)} button`)?.click();
  await until(() => seen(target()));
  return target();
};
document.addEventListener('click', async (event) => {
  const way = event.target.closest?.('.tr-mend');
  if (!way) return;
  if (way.dataset.mend.startsWith('tab_')) { document.getElementById(way.dataset.mend)?.click(); return; }
  const target = await reach(way.dataset);
  target?.scrollIntoView({ block: 'center' });
  target?.querySelector('textarea, input:not([role=listbox])')?.focus({ preventScroll: true });
});
tagtrainer.refreshTraining();
