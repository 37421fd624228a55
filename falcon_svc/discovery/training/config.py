"""Settings of head training: a short one from a warm start, unless told otherwise.

Place: a frozen section of the configuration. Sources: "paper" is FALCON (ICML 2024), table of
hyper-parameters, its CIFAR-100 row; "code" its released code where the paper is silent.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from falcon_svc.types import Decay, HeadKind

FULL_FINE = 1_000
"""Fine classes up to which training is as long as the samples allow."""

FULL_RELATION = 2_000_000
"""Pairs of a fine and a coarse class up to which the relation is solved every `solve_every`."""


class TrainConfig(BaseModel):
    """How the head is trained; `paper()` returns the schedule of the paper."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: HeadKind = Field("linear", description="Kind of head: linear (paper), mlp or prototype.")
    hidden_units: StrictInt = Field(
        256, ge=1, le=65_536, description="Hidden units of the mlp head."
    )
    head_temperature: StrictFloat = Field(
        0.1, gt=0, le=10, description="Temperature of the prototype head's cosines, at first."
    )
    learn_head_temperature: bool = Field(
        False, description="Whether the prototype head's temperature is trained."
    )

    epochs: StrictInt = Field(20, ge=0, le=10_000, description="Passes over the data. Paper: 100.")
    most_sample_steps: StrictInt | None = Field(
        200_000,
        ge=1,
        description="Most samples seen in all; epochs are dropped, down to one, to keep to this. "
        "Beyond 1,000 fine classes fewer, in proportion.",
    )
    batch_size: StrictInt = Field(
        1024,
        ge=1,
        le=1_000_000,
        description="Samples per step; batches are evened out. Paper: 256.",
    )
    optimizer: Literal["sgd", "adam"] = Field(
        "adam", description="Optimizer: sgd with momentum 0.9 (paper) or adam."
    )
    learning_rate: StrictFloat = Field(
        2e-2, gt=0, le=100, description="Learning rate at first. Paper: 0.1."
    )
    decay: Decay = Field(
        "cosine",
        description="How the learning rate falls: step = x 0.1 at `milestones` (paper), "
        "cosine = to 0 at the end.",
    )
    milestones: tuple[float, ...] = Field(
        (0.6, 0.8), description="Shares of the epochs at which step decays. Paper: 60 and 80 %."
    )

    weight_coarse: StrictFloat = Field(
        0.5, ge=0, description="Weight of the coarse loss. Paper: 0.5."
    )
    weight_neighbor: StrictFloat = Field(
        0.5, ge=0, description="Weight of neighbor consistency. Paper: 0.5."
    )
    weight_confidence: StrictFloat = Field(
        0.0, ge=0, description="Weight of the confidence loss. Paper: 0.5."
    )
    weight_balance: StrictFloat = Field(
        1.0, ge=0, description="Weight of the balance term. Paper: 2."
    )
    sampled_neighbors: StrictInt = Field(
        5, ge=1, description="Neighbors drawn per sample and step, without replacement. Code: 5."
    )
    fresh_neighbors: bool = Field(
        False,
        description="Whether sampled neighbors go through the teacher at every step (paper) or "
        "its predictions are remembered for at most an epoch: half the time. No loss from a warm "
        "start; 1.7 +- 0.8 ACC from a random one (CLINC150, 6 seeds).",
    )
    label_temperature: StrictFloat = Field(
        0.9, gt=0, le=10, description="Temperature T that sharpens pseudo-labels. Paper: 0.9."
    )
    soft_epochs: StrictInt = Field(
        0,
        ge=0,
        description="Epochs until pseudo-labels are hard and the relation's balance "
        "is `late_relation_balance`. Code: 30.",
    )
    teacher_momentum: StrictFloat = Field(
        0.99,
        ge=0,
        lt=1,
        description="Momentum of the teacher, a moving average of the student. Paper: 0.99.",
    )

    solve_every: StrictInt = Field(
        20, ge=1, description="Steps between solves of the relation. Paper: 20."
    )
    relation_balance: StrictFloat = Field(
        1.0,
        ge=0,
        le=1_000,
        description="Price rho of moving one fine class off an even share (or off its target), "
        "in units of an average fine class's mass; lambda_M = rho C / (2 F). From 1 on the sizes "
        "are as good as forced. Paper: lambda_M = 0.1, which is 1 on CIFAR-100.",
    )
    late_relation_balance: StrictFloat = Field(
        1.0, ge=0, le=1_000, description="Price rho after `soft_epochs`. Code: 0."
    )
    solve_limit_s: StrictFloat = Field(
        30.0, gt=0, description="Time limit of a solve of the relation, in seconds. Code: 30."
    )

    def for_data(self, n_samples: int, n_fine: int, n_coarse: int = 1) -> TrainConfig:
        """Return the same settings for data of a size.

        A step costs samples times fine classes, a solve fine times coarse classes. Up to
        `FULL_FINE` fine classes only samples count; beyond, epochs fall with 1 / F, down to one,
        and beyond `FULL_RELATION` pairs of a fine and a coarse class solves become rarer.

        Parameters
        ----------
        n_samples, n_fine, n_coarse
            N, F and C, each >= 1.
        """
        pairs = -(-n_fine * n_coarse // FULL_RELATION)
        changed: dict[str, int] = {"solve_every": self.solve_every * pairs}
        if self.most_sample_steps is not None:
            steps = self.most_sample_steps * FULL_FINE // max(FULL_FINE, n_fine)
            changed["epochs"] = min(self.epochs, max(1, steps // max(1, n_samples)))
        return self.model_copy(update=changed)

    def balance_at(self, epoch: int) -> float:
        """Return the relation's rho in an epoch, counted from 0."""
        late = epoch >= self.soft_epochs
        return self.late_relation_balance if late else self.relation_balance

    @classmethod
    def paper(cls) -> TrainConfig:
        """Return the paper's schedule on CIFAR-100, from a random start.

        Its learning rate is meant for features of about unit variance per dimension: scale unit
        rows by ``sqrt(D)``, or nothing is learned.
        """
        return cls(
            epochs=100,
            most_sample_steps=None,
            batch_size=256,
            optimizer="sgd",
            learning_rate=0.1,
            decay="step",
            weight_confidence=0.5,
            weight_balance=2.0,
            fresh_neighbors=True,
            soft_epochs=30,
            late_relation_balance=0.0,
        )
