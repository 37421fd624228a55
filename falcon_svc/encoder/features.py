"""The feature step: `CoarseDataset -> Features`, vectors as they are or through an encoder.

An encoder is anything that satisfies `base.Encoder`. It is found in the table of `encoder_names` by
the part of its name before the colon, the rest is its argument; opening it may mean training it.
Encoders are imported when they are opened: many need torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np

from falcon_svc.encoder.base import Encoder, EncoderRun, Telling
from falcon_svc.encoder.cache import load_or_make
from falcon_svc.encoder.dark_images import dark_images
from falcon_svc.encoder.pass_through import PassThrough
from falcon_svc.encoder_names import ENCODERS, for_samples
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.types import CoarseDataset, Features, FloatArray, Note

ENCODER_ROOM = "falcon_svc.encoder"
BLOCK_ROWS = 4_096
ROUNDING = 1e-5


def extract_features(dataset: CoarseDataset, run: EncoderRun | None = None) -> Features:
    """Return one vector per sample: `open_encoder`, then `encode`; see there for the errors.

    Parameters
    ----------
    dataset
        N vectors, images or texts.
    run
        Settings, seed, device, work folder, progress; None = the defaults.

    Returns
    -------
    Features
        (N, D) float32 in the data set's order.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    >>> dataset = load_dataset(images, labels={"coarse": ["owl", "tit"] * 4})
    >>> from falcon_svc.encoder import extract_features
    >>> features = extract_features(dataset)  # principal components of pixels
    >>> features.vectors.shape[0], features.spec[:6]
    (8, 'pixels')
    """
    run = run or EncoderRun()
    return encode(open_encoder(dataset, run), dataset, run)


def open_encoder(dataset: CoarseDataset, run: EncoderRun) -> Encoder:
    """Return the encoder named by the settings, trained if that is part of it.

    Parameters
    ----------
    dataset
        N vectors, images or texts.
    run
        Settings, seed, device, work folder, progress.

    Returns
    -------
    Encoder
        Ready to encode the samples of this data set.

    Raises
    ------
    ConfigError
        Unknown encoder, or one that cannot work on this data set.
    MissingExtraError
        The encoder needs a package that is not installed.
    StorageError
        The work folder cannot be written.
    CollapsedError, DivergedError
        It was trained in vain.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    >>> dataset = load_dataset(images, labels={"coarse": ["owl", "tit"] * 4})
    >>> from falcon_svc.encoder import EncoderRun, open_encoder
    >>> open_encoder(dataset, EncoderRun()).spec[:6]
    'pixels'
    """
    known, name = for_samples(dataset.kind), run.config.name
    kind, _, argument = (known[0] if name == "auto" else name).partition(":")
    if kind not in known:
        raise ConfigError(
            f"Expected an encoder for {dataset.kind}, one of {', '.join(known)}, found {name!r}; "
            "choose one with --encoder.",
            code="bad_encoder",
        )
    module, _, opener = ENCODERS[kind].opener.partition(":")
    opened: Encoder = getattr(import_module(f"{ENCODER_ROOM}.{module}"), opener)(
        argument, dataset, run
    )
    return opened


def open_saved(directory: Path, dataset: CoarseDataset, run: EncoderRun) -> Encoder:
    """Return the encoder that a result directory holds, else the one that its settings name.

    Parameters
    ----------
    directory
        A result's directory.
    dataset
        N vectors, images or texts.
    run
        Settings, seed, device, work folder, progress.

    Returns
    -------
    Encoder
        Ready to encode the samples of this data set.

    Examples
    --------
    Of a result whose network was trained with it::

        encoder = open_saved(Path("birds"), new_images, EncoderRun())
        vectors = encode(encoder, new_images, EncoderRun()).vectors
    """
    if not (directory / "encoder.json").exists():
        return open_encoder(dataset, run)
    from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder

    return replace(NetworkEncoder.load(directory, device=run.device), batch=run.config.batch)


def open_kept(files: Mapping[str, bytes], dataset: CoarseDataset, run: EncoderRun) -> Encoder:
    """Return the encoder whose `files` were kept, else the one that its settings name.

    Parameters
    ----------
    files
        Contents by name; none where the settings are enough.
    dataset
        N vectors, images or texts.
    run
        Settings, seed, device, work folder, progress.

    Returns
    -------
    Encoder
        Ready to encode the samples of this data set.

    Examples
    --------
    Of a classifier that keeps its network::

        encoder = open_kept(model.encoder_files_, new_images, EncoderRun())
    """
    if not files:
        return open_encoder(dataset, run)
    from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder

    encoder = NetworkEncoder.of(files, where="the classifier", device=run.device)
    return replace(encoder, batch=run.config.batch)


def encode(encoder: Encoder, dataset: CoarseDataset, run: EncoderRun) -> Features:
    """Return one vector per sample.

    Parameters
    ----------
    encoder
        From `open_encoder`.
    dataset
        N samples.
    run
        Settings, seed, device, work folder, progress.

    Returns
    -------
    Features
        (N, D) float32 in the data set's order; a memory map when it comes from the work folder.
        Vectors that are passed through are not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    >>> dataset = load_dataset(images, labels={"coarse": ["owl", "tit"] * 4})
    >>> from falcon_svc.encoder import EncoderRun, encode, open_encoder
    >>> encoder = open_encoder(dataset, EncoderRun())
    >>> len(encode(encoder, dataset, EncoderRun()).vectors)
    8
    """
    name = key(dataset.digest, encoder.spec)
    if isinstance(encoder, PassThrough):
        return Features(encoder.vectors, encoder.spec, name)
    shape = (len(dataset), encoder.dim)

    def make(out: FloatArray) -> None:
        encoder.encode(dataset, out, run.progress)

    if run.work_dir is not None:
        vectors = load_or_make(run.work_dir / "features", name, shape, make)
    else:
        vectors = np.zeros(shape, np.float32)
        make(vectors)
    return Features(vectors, encoder.spec, name)


def notes_of(encoder: Encoder, dataset: CoarseDataset) -> tuple[Note, ...]:
    """Return what there is to tell of a data set as its encoder sees it, such as texts that it cut.

    Parameters
    ----------
    encoder
        From `open_encoder`.
    dataset
        N samples.

    Returns
    -------
    tuple of Note
        Empty where there is nothing to tell.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    >>> dataset = load_dataset(images, labels={"coarse": ["owl", "tit"] * 4})
    >>> from falcon_svc.encoder import EncoderRun, notes_of, open_encoder
    >>> notes_of(open_encoder(dataset, EncoderRun()), dataset)
    ()
    """
    own = encoder.notes(dataset) if isinstance(encoder, Telling) else ()
    return own + dark_images(dataset)


def check_differ(vectors: FloatArray) -> None:
    """Raise InputError if all features are the same; most data sets pass with the first block."""
    first = vectors[0]
    tolerance = ROUNDING * float(np.abs(first).max())
    for start in range(0, len(vectors), BLOCK_ROWS):
        if (np.abs(vectors[start : start + BLOCK_ROWS] - first) > tolerance).any():
            return
    raise InputError(
        f"Expected samples that differ, found {len(vectors):,} with the same features; "
        "look at the data with falcon validate, or choose another --encoder.",
        code="all_equal",
    )


def key(dataset_digest: str, spec: str) -> str:
    """Return the sha256 that names the features of a data set under an encoder."""
    return hashlib.sha256(f"{dataset_digest}\n{spec}".encode()).hexdigest()
