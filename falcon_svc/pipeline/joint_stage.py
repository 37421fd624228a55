"""The stages that train the encoder too, where the settings ask for it.

Place: between the stages "head" and "assignments" of `falcon_svc.pipeline.stages`.
"""

from __future__ import annotations

from dataclasses import replace

from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.views.training_views import training_views
from falcon_svc.joint.image_samples import ImageSamples, load_or_make_pixels
from falcon_svc.joint.train import FrozenStart, Search, train_jointly
from falcon_svc.joint.trainable import seen_by
from falcon_svc.pipeline.found import Found, Taught
from falcon_svc.types import ByteArray


def pixels_of(found: Found) -> ByteArray:
    """Return all images as the encoder sees them; a resumed run finds them in its folder."""
    folder = None if found.work_dir is None else found.work_dir / "pixels"
    seen = seen_by(found.encoder)
    return load_or_make_pixels(found.dataset, seen, folder, found.recorder.progress)


def train_encoder_too(found: Found, search: Search) -> Taught:
    """Return what was taught with its encoder and head trained jointly.

    Parameters
    ----------
    found
        With the head that was trained on frozen features, and the pixels.
    search
        From head inputs to neighbors.
    """
    config, taught = found.config, found.taught
    assert isinstance(taught.encoder, NetworkEncoder), "checked by check_trainable"
    labels = found.dataset.coarse.labels
    views = training_views(seen_by(taught.encoder), found.pixels, labels, config.encoder.moco)
    frozen = FrozenStart(
        *(taught.encoder, found.spaced.space, taught.head, found.believed.sources),
        *(found.neighbors, taught.start.fine_prior, taught.start.size_targets),
    )
    encoder, head = train_jointly(
        frozen,
        ImageSamples(found.pixels, views, found.device),
        search,
        config.joint,
        config.train,
        seed=config.seed,
        work_dir=found.folder("joint"),
        on_epoch=found.recorder.epoch,
    )
    earlier = taught.head.history
    history = ({**row, "epoch": row["epoch"] + len(earlier)} for row in head.history)
    head = replace(head, history=(*earlier, *history))
    return replace(taught, encoder=encoder, head=head)
