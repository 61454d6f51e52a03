"""TagTrainer: from a folder of pictures to a trained LoRA.

Layers, checked by tests/test_layers.py:  ui, cli -> flows -> services -> core.
Services: datasets, captioning, training, engines, jobs, workspace, settings. gradio lives in ui/ and app.py only.
"""

__version__ = "0.1.0"
