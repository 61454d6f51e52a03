"""The views of a dataset: one module each, found by scanning, a sub-tab of the Datasets tab. Must not import each other."""
