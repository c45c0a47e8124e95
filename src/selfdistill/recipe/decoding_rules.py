"""Decodings beyond one temperature, top-k and top-p: what people use, or propose, in place of training.

Only the settings and their checks; the arithmetic is in `rules.py`, the Python grammar in `syntax/`. Each is one stage
and can stand before or after others. "Truncate first, then temper" needs no type of its own: it is two stages of
`Decoding`, the first at temperature 1. The source of each rule is named at its type.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from selfdistill.recipe.section import HOTTEST, LARGEST, CountOrZero, PositiveFloat, PositiveShare, Section, Share

Temperature = Annotated[float, Field(gt=0, le=HOTTEST, allow_inf_nan=False)]
TemperatureOrGreedy = Annotated[float, Field(ge=0, le=HOTTEST, allow_inf_nan=False)]


class Rival(Section):
    """What the types below share. None of them is greedy: greedy is `Decoding` at temperature 0."""

    @property
    def greedy(self) -> bool:
        """Always False."""
        return False


class MinP(Rival):
    """Divide logits by `temperature`, then keep the tokens with at least `min_p` times the top token's probability.

    Source: Nguyen et al., arXiv 2407.01082.
    """

    rule: Literal["min-p"]
    """Names the type."""
    min_p: Share
    """Share of the top token's probability; 0 is off."""
    temperature: Temperature = 1.0
    """Divides the logits first."""

    @property
    def label(self) -> str:
        """ "T 1.5, min-p 0.1"."""
        return f"T {self.temperature:g}, min-p {self.min_p:g}"

    @property
    def slug(self) -> str:
        """For file names."""
        return f"T{self.temperature:g}-minp{self.min_p:g}"


class TopNSigma(Rival):
    """Keep the tokens whose logit is at least max - n * sigma, then divide by `temperature`.

    Sigma is the standard deviation (n - 1 in the denominator) of all finite logits of the context. Which tokens stay
    does not depend on the temperature. Source: Tang et al., arXiv 2411.07641.
    """

    rule: Literal["top-n-sigma"]
    """Names the type."""
    n: PositiveFloat = 1.0
    """Standard deviations below the top logit."""
    temperature: Temperature = 1.0
    """Divides the logits of what stays."""

    @property
    def label(self) -> str:
        """ "T 1.5, top-1σ"."""
        return f"T {self.temperature:g}, top-{self.n:g}σ"

    @property
    def slug(self) -> str:
        """For file names."""
        return f"T{self.temperature:g}-sigma{self.n:g}"


class EntropyTemperature(Rival):
    """A temperature for each context: T = temperature * 0.8 ** (theta / H), then top-k, then top-p.

    H is the entropy in nats of the model's own distribution there. A certain context is decoded nearly greedily; an
    uncertain one approaches `temperature`. Source: Zhang et al., EDT, arXiv 2403.14541 (T0, theta, and N = 0.8).
    """

    rule: Literal["entropy-temperature"]
    """Names the type."""
    temperature: Temperature
    """T0, which an uncertain context approaches."""
    theta: Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
    """Nats; how uncertain a context must be to be decoded hot. 0 is a fixed temperature."""
    top_k: CountOrZero = 0
    """As in `Decoding`, on the tempered logits."""
    top_p: PositiveShare = 1.0
    """As in `Decoding`, on the tempered logits."""

    @property
    def label(self) -> str:
        """ "T 1 by entropy (θ 0.3), top-k 20, top-p 0.8"."""
        return f"T {self.temperature:g} by entropy (θ {self.theta:g}){cut_label(self.top_k, self.top_p)}"

    @property
    def slug(self) -> str:
        """For file names."""
        return f"T{self.temperature:g}-entropy{self.theta:g}{cut_slug(self.top_k, self.top_p)}"


class ForkLock(Rival):
    """Truncate at temperature 1, then temper what stays: cold where little stays, hot where much does.

    What stays is counted in effective tokens, exp(entropy), as in `explain.kinds`: from `fork_tokens` on a context is
    a fork, below it a lock (paper Sec. 4.1). The rule is ours: the decoder that the paper's diagnosis suggests.
    """

    rule: Literal["fork-lock"]
    """Names the type."""
    lock_temperature: TemperatureOrGreedy
    """At locks; 0 takes the top token."""
    fork_temperature: TemperatureOrGreedy
    """At forks."""
    fork_tokens: Annotated[float, Field(ge=1, le=LARGEST, allow_inf_nan=False)] = 1.5
    """Effective tokens from which a context is a fork."""
    top_k: CountOrZero = 20
    """As in `Decoding`, before tempering."""
    top_p: PositiveShare = 0.8
    """As in `Decoding`, before tempering."""

    @property
    def label(self) -> str:
        """ "T 0.3 at locks and 1 at forks (1.5), top-k 20, top-p 0.8"."""
        temperatures = f"T {self.lock_temperature:g} at locks and {self.fork_temperature:g} at forks"
        return f"{temperatures} ({self.fork_tokens:g}){cut_label(self.top_k, self.top_p)}"

    @property
    def slug(self) -> str:
        """For file names."""
        temperatures = f"locks{self.lock_temperature:g}-forks{self.fork_temperature:g}-at{self.fork_tokens:g}"
        return f"{temperatures}{cut_slug(self.top_k, self.top_p)}"


class PythonSyntax(Rival):
    """Before anything else, forbid each token after which the completion is no beginning of a Python function body.

    For models that continue code; an answer in prose is none. A stage to decode what is left must follow. The
    grammar, and what it leaves out of Python, are in `syntax/`. Needs the extra `syntax` (llguidance).
    """

    rule: Literal["python-syntax"]
    """Names the type."""
    depth: Annotated[int, Field(ge=1, le=12)] = 8
    """Blocks inside each other that the grammar allows, the function's own included."""

    @property
    def label(self) -> str:
        """ "Python syntax"."""
        return "Python syntax" if self.depth == 8 else f"Python syntax, depth {self.depth}"

    @property
    def slug(self) -> str:
        """For file names."""
        return "syntax" if self.depth == 8 else f"syntax{self.depth}"


def cut_label(top_k: int, top_p: float) -> str:
    """How a label ends that names top-k and top-p: ", top-k 20, top-p 0.8"; nothing where they are off."""
    return (f", top-k {top_k}" if top_k else "") + (f", top-p {top_p:g}" if top_p < 1 else "")


def cut_slug(top_k: int, top_p: float) -> str:
    """The same in a file name: "-k20-p0.8"."""
    return (f"-k{top_k}" if top_k else "") + (f"-p{top_p:g}" if top_p < 1 else "")
