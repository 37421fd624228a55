"""Settings of random views: `[encoder.moco.views]`.

Place: read by `views`. Sources: "v3" is the recipe of MoCo v3 for small images in solo-learn;
shares and probabilities lie in 0-1, lengths are shares of the image's side.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Range = tuple[
    Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)],
    Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)],
]


class ViewStrengths(BaseModel):
    """How far a random view may be from its image; the defaults are for photographs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crop_scale: Range = Field(
        (0.2, 1.0), description="Area that is cut out and enlarged, least and most. v3: 0.08-1."
    )
    crop_ratio: Range = Field(
        (0.75, 4 / 3), description="Width of the cut through its height, least and most."
    )
    flip: Share = Field(0.5, description="Probability of a mirror image.")
    rotation_deg: float = Field(
        0, ge=0, le=180, description="Largest rotation to either side, degrees."
    )
    zoom: Range = Field(
        (1.0, 1.0), description="Factor on the size of what is shown, least and most."
    )
    shear_deg: float = Field(0, ge=0, le=60, description="Largest shear to either side, degrees.")
    translation: Share = Field(
        0, description="Largest shift along either axis, as a share of the side."
    )
    jitter: Share = Field(
        0.8,
        description="Probability that brightness, contrast, saturation and hue change together.",
    )
    brightness: Share = Field(0.4, description="Brightness changes by a factor of 1 - x to 1 + x.")
    contrast: Share = Field(0.4, description="Contrast changes by a factor of 1 - x to 1 + x.")
    saturation: Share = Field(
        0.2, description="Saturation of coloured images changes by a factor of 1 - x to 1 + x."
    )
    hue: float = Field(
        0.1, ge=0, le=0.5, description="Hue of coloured images turns by -x to x, in turns."
    )
    grey: Share = Field(0.2, description="Probability of losing all colour.")
    solarize: Share = Field(
        0.2, description="Probability in the second view that light is turned dark."
    )
    blur: Share = Field(0.5, description="Probability of a blur; only for sides of 96 px and more.")
    erase: Share = Field(0, description="Probability of a rectangle without content.")

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Self:
        for name in ("crop_scale", "crop_ratio", "zoom"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} has least {low} above most {high}")
        if self.crop_scale[1] > 1:
            raise ValueError(f"crop_scale is a share of the area, found {self.crop_scale[1]}")
        return self

    def first(self) -> Self:
        """Return the strengths of the first of two views, which is not solarized (v3)."""
        return self.model_copy(update={"solarize": 0.0})

    def weak(self) -> Self:
        """Return the strengths of a weak view: most of the image, nearly upright, true colours."""
        none = dict.fromkeys(("jitter", "grey", "solarize", "blur", "erase"), 0.0)
        half = {n: getattr(self, n) / 2 for n in ("rotation_deg", "shear_deg", "translation")}
        low, high = self.crop_scale
        return self.model_copy(update={**none, **half, "crop_scale": ((low + high) / 2, high)})

    def bent(self, share: float) -> Self:
        """Return strengths with this share, 0-1, of rotation, shear, translation and zoom."""
        some = {n: getattr(self, n) * share for n in ("rotation_deg", "shear_deg", "translation")}
        low, high = (edge**share for edge in self.zoom)
        return self.model_copy(update={**some, "zoom": (low, high)})


class DrawingStrengths(ViewStrengths):
    """Defaults for drawings and other grey images: bent and moved, and never in the same light."""

    crop_scale: Range = Field(
        (0.7, 1.0), description="Area that is cut out and enlarged, least and most."
    )
    flip: Share = Field(0, description="Probability of a mirror image; letters have none.")
    rotation_deg: float = Field(
        15, ge=0, le=180, description="Largest rotation to either side, degrees."
    )
    zoom: Range = Field(
        (0.8, 1.2), description="Factor on the size of what is shown, least and most."
    )
    shear_deg: float = Field(15, ge=0, le=60, description="Largest shear to either side, degrees.")
    translation: Share = Field(
        0.1, description="Largest shift along either axis, as a share of the side."
    )
    jitter: Share = Field(
        1, description="Probability that brightness, contrast, saturation and hue change together."
    )
    brightness: Share = Field(0.8, description="Brightness changes by a factor of 1 - x to 1 + x.")
    contrast: Share = Field(0.8, description="Contrast changes by a factor of 1 - x to 1 + x.")
    solarize: Share = Field(
        0, description="Probability in the second view that light is turned dark."
    )
    erase: Share = Field(0.25, description="Probability of a rectangle without content.")


class ViewConfig(BaseModel):
    """Which kind of random views, and how strong each kind is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["auto", "photo", "drawing"] = Field(
        "auto",
        description="Kind of views: auto = photo for coloured images, drawing for grey ones, bent "
        "and moved the less, the better raw pixels already tell coarse classes apart.",
    )
    photo: ViewStrengths = Field(default_factory=ViewStrengths)
    drawing: DrawingStrengths = Field(default_factory=DrawingStrengths)

    def strengths(self, channels: int, *, pixel_skill: float = 0.0) -> ViewStrengths:
        """Return the strengths for images of so many channels.

        "auto" bends grey images by a share of 1 - skill^2: pixels that leave the classes open
        leave that much to views.

        Parameters
        ----------
        pixel_skill
            How well raw pixels tell coarse classes apart, 0 by chance to 1; see `training_views`.
        """
        if self.kind == "photo" or (self.kind == "auto" and channels > 1):
            return self.photo
        return self.drawing.bent(1 - pixel_skill**2) if self.kind == "auto" else self.drawing
