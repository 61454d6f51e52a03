"""What is written about a run: logs, trackers, metadata in the file, publishing. Keys are never options: they travel by
environment only."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option


@dataclass(frozen=True)
class LoggingOptions:
    """Curves for the Runs tab are always written to the task's own folder."""

    logging_dir: str = option("", "Log folder", group="path", ui_hidden=True, persist=False)
    log_with: str = option(
        "tensorboard", "Log with", "tensorboard feeds the curves in this app; wandb needs WANDB_API_KEY in the environment.",
        group="advanced", choices=("tensorboard", "wandb", "all"),
    )  # fmt: skip
    log_prefix: str = option("", "Log prefix", "Put before the name of the log folder.", group="advanced")
    log_tracker_name: str = option("", "Tracker name", "Project name of the tracker.", group="advanced")
    wandb_run_name: str = option("", "W&B run name", "Name of the run in Weights & Biases.", group="advanced")
    log_tracker_config: str = option(
        "", "Tracker settings file", "TOML file with settings of the tracker.", group="advanced", path="file"
    )
    log_config: bool = option(
        False, "Log the settings", "Stores the options (without keys) with the tracker.", group="advanced"
    )


@dataclass(frozen=True)
class MetadataOptions:
    """What the LoRA file says about itself."""

    training_comment: str = option("", "Comment", "Kept in the LoRA file.", group="saving")
    no_metadata: bool = option(False, "Without metadata", "Leaves out how the LoRA was trained.", group="advanced")
    metadata_title: str = option("", "Title", "Title in the LoRA file.", group="advanced")
    metadata_author: str = option("", "Author", "Author in the LoRA file.", group="advanced")
    metadata_description: str = option("", "Description", "Description in the LoRA file.", group="advanced")
    metadata_license: str = option("", "Licence", "Licence in the LoRA file.", group="advanced")
    metadata_tags: str = option("", "Tags", "Tags in the LoRA file, with commas.", group="advanced")
    metadata_reso: str = option(
        "", "Resolution in the file", "Written instead of the training resolution.", group="advanced"
    )
    metadata_arch: str = option("", "Architecture in the file", "Written instead of the model's own.", group="advanced")


@dataclass(frozen=True)
class PublishOptions:
    """Upload to Hugging Face while training; the token is read from HF_TOKEN in the environment."""

    huggingface_repo_id: str = option(
        "", "Hub repository", "user/name to upload to. The token comes from HF_TOKEN.", group="advanced"
    )
    huggingface_repo_type: str = option(
        "", "Hub repository type", "Usually model.", group="advanced", when="huggingface_repo_id"
    )
    huggingface_path_in_repo: str = option(
        "", "Folder in the repository", "Where the files go.", group="advanced", when="huggingface_repo_id"
    )
    huggingface_repo_visibility: str = option(
        "", "Visibility", "public or private; empty: private.", group="advanced", when="huggingface_repo_id"
    )
    save_state_to_huggingface: bool = option(
        False, "Upload states", "States are large.", group="advanced", when="huggingface_repo_id"
    )
    resume_from_huggingface: bool = option(
        False,
        "Go on from the hub",
        "Takes the state to go on from the repository.",
        group="advanced",
        when="huggingface_repo_id",
    )
    async_upload: bool = option(
        False,
        "Upload in the background",
        "Training does not wait for uploads.",
        group="advanced",
        when="huggingface_repo_id",
    )
