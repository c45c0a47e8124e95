"""The grid over T_train, truncation and T_eval that a sweep trains for, and a preview estimates."""

from __future__ import annotations

from dataclasses import dataclass

from selfdistill.recipe.decoding import Decoding


@dataclass(frozen=True, slots=True)
class Truncation:
    """rho_train."""

    top_k: int
    top_p: float

    @property
    def label(self) -> str:
        """`k20-p0.8`, `k20`, `p0.9`, or `none`."""
        parts = ([f"k{self.top_k}"] if self.top_k else []) + ([f"p{self.top_p:g}"] if self.top_p < 1 else [])
        return "-".join(parts) or "none"

    def at(self, temperature: float) -> Decoding:
        """The decoding at this temperature."""
        return Decoding(temperature=temperature, top_k=self.top_k, top_p=self.top_p)


@dataclass(frozen=True, slots=True)
class Grid:
    """What a sweep goes through."""

    t_train: tuple[float, ...]
    truncations: tuple[Truncation, ...]
    t_eval: tuple[float, ...]
    seeds: tuple[int, ...]

    def points(self) -> list[tuple[float, Truncation]]:
        """What one student is trained for."""
        return [(temperature, truncation) for truncation in self.truncations for temperature in self.t_train]
