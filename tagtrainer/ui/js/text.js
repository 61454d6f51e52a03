// The view "text": the form on the left, tags and tokens on the right.
let form = null, tags = null, tokens = null, begun = '';
const view = makeView(element, props, watch, {
  async show(dataset) {
    if (begun !== dataset) {
      const found = await view.fetch('text/{dataset}/start');
      begun = dataset;
      form.start(found);
      tokens.start(found);
    }
    form.refresh();
    await tags.refresh();
    await tokens.refresh();
  },
  leave() { begun = ''; for (const part of [form, tags, tokens]) if (part) part.leave(); },
});
form = makeTextForm(view, { onApplied: () => view.refresh() });
tags = makeTextTags(view, {
  onRename: (tag) => form.choose('rename', { old: tag }, 'new'),
  onMerge: (list) => form.choose('merge', { tags: list.join(', '), new: list[0] }, 'new'),
  onRemove: (list) => form.choose('remove', { tags: list.join(', ') }, 'tags'),
});
tokens = makeTextTokens(view);
// The selection is the gallery's: it may be another one whenever this view is opened again.
let seen = false;
new ResizeObserver(() => {
  if (view.visible && !seen && begun) form.refresh();
  seen = view.visible;
}).observe(view.root);
