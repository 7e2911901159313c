"""Which runs a storage holds."""

from analysis.storage import AnyPath, store_of

CONFIG_NAME = "config.yaml"


def names_of_runs(storage: AnyPath) -> list[str]:
    """The names of the folders that hold a run, sorted; none where the storage is missing."""
    store = store_of(storage)
    configs = [storage / name / CONFIG_NAME for name in store.list_folders(storage)]
    return [config.parent.name for config in store.read_many(configs)]
