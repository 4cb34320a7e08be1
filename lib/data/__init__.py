"""Find, download, verify and load each data set.

    from lib.data import citation, fetch, load_heart

    folder = fetch("heart")         # a folder on this machine, downloaded and verified when absent
    table = load_heart()            # the real patients, or load_heart("synthetic") for the stand-in
    print(citation("heart"))        # one Markdown line to show beside the results

A set is looked for in `$NOTES_DATA/<name>`, then in the cache (`$NOTES_CACHE`, by default `data/cache`
of the repository), then at its official address, then at its mirrors. Importing this package imports
nothing heavy: each name below loads its module when it is first used.
"""

from importlib import import_module
from typing import Any

from lib.data.loaded import told

_HOME = {
    "ArchiveError": "errors",
    "Clips": "music",
    "DataError": "errors",
    "DataSet": "registry",
    "DiskFull": "errors",
    "DownloadError": "errors",
    "Inertial": "hapt",
    "LungSounds": "lungs",
    "Pictures": "pictures",
    "Recordings": "speech",
    "UnknownSet": "errors",
    "check_disjoint": "splits",
    "citation": "registry",
    "content_hash": "store",
    "copies": "near_copies",
    "document_speakers": "timit",
    "families": "near_copies",
    "fetch": "store",
    "get": "registry",
    "group_folds": "splits",
    "icbhi_annotations": "icbhi",
    "length_bins": "speech",
    "load_cinc2017": "cinc2017",
    "load_emotify": "emotify",
    "load_emotify_answers": "emotify",
    "load_fma": "fma",
    "load_fma_affect": "fma",
    "load_gtzan": "gtzan",
    "load_hapt": "hapt",
    "load_heart": "heart",
    "load_icbhi": "icbhi",
    "load_kauh_lung": "kauh_lung",
    "load_librispeech_sex": "librispeech_sex",
    "load_msp_podcast": "msp_podcast",
    "load_ravdess": "ravdess",
    "load_rice_field": "rice",
    "load_rice_paddy": "rice",
    "load_rice_uci": "rice",
    "load_timit": "timit",
    "locate": "store",
    "names": "registry",
    "read_cinc2017": "cinc2017",
    "read_heart": "heart",
    "read_librispeech_sex": "librispeech_sex",
    "read_msp_podcast": "msp_podcast",
    "read_music": "music",
    "read_ravdess": "ravdess",
    "read_speech": "speech",
    "read_timit": "timit",
    "speaker_split": "splits",
    "stratified_folds": "splits",
    "teaching_subset": "icbhi",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name.startswith("load_"):
        value = told(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
