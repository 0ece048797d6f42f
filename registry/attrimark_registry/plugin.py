"""The whole extension surface: what a plugin is, and the one verb of each kind.

A plugin is a frozen value whose fields are its options, as written in `benchmarks.toml`. Things that plugins share
(model, device, removal operator, granularity) come in as arguments.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator

from .attribution import Attribution, Scores
from .encoding import Batch
from .model import How, Model
from .network_kinds import NetworkKind
from .reading import Answer, Reading
from .removal import Operator
from .spelling import shown, written
from .text import Example, Feature, Splits

Kind = Literal["dataset", "model", "strategy", "quantizer", "method", "metric"]
Need = Literal["gradients", "attentions", "pretrained", "labels"]

Keep = Bool[np.ndarray, "subsets features"]
Values = Float[np.ndarray, " subsets"]
# Yields the subsets it wants, receives their values, returns scores. It never sees the network.
Exploration = Generator[Keep, Values, Scores | np.ndarray | float]


P = TypeVar("P", bound="Plugin")


class Plugin(BaseModel, ABC):
    """A frozen value. `name` is how a suite names it; raise `version` when its numbers change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: ClassVar[Kind]
    name: ClassVar[str]
    version: ClassVar[str] = "1"
    later: ClassVar[frozenset[str]] = frozenset()  # options added since: at their default, they change no identity
    __alias: str | None = PrivateAttr(default=None)
    __known: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __copy__(self) -> Any:
        copy = super().__copy__()
        copy.__known = {}  # a copy may be given other options
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        copy = super().__deepcopy__(memo)
        copy.__known = {}
        return copy

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides its numbers, as plain data."""
        return self.__once("identity", lambda: _identity(self))

    @property
    def digest(self) -> str:
        """A hash of the identity."""
        return self.__once("digest", lambda: _digest(self.identity))

    def __eq__(self, other: object) -> bool:
        # what a suite calls it makes no difference
        return type(self) is type(other) and isinstance(other, Plugin) and self.identity == other.identity

    def __hash__(self) -> int:
        # options may be tables, which have no hash of their own
        return hash((self.kind, self.digest))

    @property
    def alias(self) -> str | None:
        """What a suite calls it (`as = "my-model"`), if anything."""
        return self.__alias

    def called(self: P, alias: str | None) -> P:
        """The same plugin under another name; no number depends on it."""
        copy = self.model_copy()
        copy.__alias = alias
        return copy

    @property
    def written(self) -> str:
        """The name, with the options that differ from their defaults: `shapley-sampling(permutations=5)`."""
        return self.__once("written", lambda: written(self.name, self.__options()))

    @property
    def brief(self) -> str:
        """The alias, or the name without options."""
        return self.__alias or self.name

    def goes_by(self, name: str) -> bool:
        """Whether a suite or an option of the command line means this one by that name."""
        return name in (self.name, self.written, str(self))

    def __str__(self) -> str:
        """The alias, or the name with its options, shortened where they are long: what tables and titles show."""
        return self.__alias or self.__once("shown", lambda: shown(self.name, self.__options(), self.digest))

    def __options(self) -> Mapping[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)

    def __once(self, name: str, verb: Callable[[], Any]) -> Any:
        """What the options decide, computed the first time that it is asked for: suites have thousands of cells."""
        if name not in self.__known:
            self.__known[name] = verb()
        return self.__known[name]


def _identity(plugin: Plugin) -> Mapping[str, Any]:
    unset = {name for name in plugin.later if getattr(plugin, name) == type(plugin).model_fields[name].default}
    options = plugin.model_dump(mode="json", exclude=unset)
    return {"kind": plugin.kind, "name": plugin.name, "version": plugin.version, "options": options}


def _digest(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


class Dataset(Plugin, ABC):
    """Labelled texts."""

    kind: ClassVar[Kind] = "dataset"
    assets: ClassVar[tuple[str, ...]] = ()  # references that `attrimark assets` fetches

    @abstractmethod
    def load(self) -> Splits: ...


class ModelSource(Plugin, ABC):
    """Where a network comes from."""

    kind: ClassVar[Kind] = "model"
    assets: ClassVar[tuple[str, ...]] = ()
    trained: ClassVar[bool] = False  # True where it decides labels without fine-tuning
    kinds: ClassVar[frozenset[NetworkKind] | None] = None
    knows_labels: ClassVar[bool] = False  # True where it decides between labels of its own when it is given none

    @property
    def knows_pretrained(self) -> bool:
        """Whether its models come with the network that they were fine-tuned from."""
        return False

    @abstractmethod
    def load(self, labels: Sequence[str], device: str) -> Model:
        """The model on `device` in float32, deciding between `labels`, in that order."""

    def network_kinds(self) -> frozenset[NetworkKind] | None:
        """What kinds that need care its network is of, told without its weights; None where that is not known."""
        return self.kinds

    def fingerprint(self) -> str:
        """Identifies the weights without loading them; the options do where they pin a revision, a seed or a hash."""
        return self.digest

    def former_fingerprint(self) -> str | None:
        """What an earlier version identified the same weights by; None where that cannot be known without making them.

        Results that are stored under it are taken over.
        """
        return self.fingerprint()

    def loads_at_once(self) -> bool:
        """Whether loading fetches nothing, trains nothing and reads little: then a plan tries the network."""
        return False

    def weights(self) -> str | None:
        """A hash of weights that loading makes from a recipe: recorded with results, and verified. None of others."""
        return None

    def former_weights(self) -> str | None:
        """The same of the weights that results under the former fingerprint were computed from."""
        return None


class Strategy(Plugin, ABC):
    """Fine-tuning. Takes all seeds at once, so that it may train them together."""

    kind: ClassVar[Kind] = "strategy"
    trains: ClassVar[bool] = True  # False where it moves no weight, and needs no texts
    seeded: ClassVar[bool] = True  # False where seeds make no difference
    needs: ClassVar[frozenset[Need]] = frozenset()
    together: ClassVar[bool] = False  # True where many seeds at once cost less than one after another

    @abstractmethod
    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """A new model for each seed; `model` is left as found.

        A seed drives initialisation, order and dropout, and nothing else does.
        """

    def blank(self, model: Model) -> Model | None:
        """The model as `fine_tune` returns it, but for the weights that training decides.

        With it the harness keeps trained weights on disk and puts them back; None where they are not to be kept.
        """
        return None


class Quantizer(Plugin, ABC):
    """Fewer bits for the same network."""

    kind: ClassVar[Kind] = "quantizer"

    @abstractmethod
    def quantize(self, model: Model, device: str | None = None) -> Model:
        """A new model; `model` is left as found.

        Args:
            device: where what is quantized goes, by default where the model is. A network that a GPU cannot hold
                whole stands in the machine's memory; it is quantized layer by layer on the GPU, and the harness then
                moves what is left.
        """


class Method(Plugin, ABC):
    """A feature attribution method: a `SubsetMethod` or a `ModelMethod`."""

    kind: ClassVar[Kind] = "method"
    stochastic: ClassVar[bool] = False  # True where replicates differ
    needs: ClassVar[frozenset[Need]] = frozenset()

    reading: Reading = "log-odds"

    def warning(self, diagnostics: Mapping[str, float]) -> str | None:
        """What readers of its scores must know, given its diagnostics averaged over texts; a note in the table."""
        return None


class SubsetMethod(Method, ABC):
    """Sees a set function over features, never the network."""

    additive: ClassVar[bool] = False  # recovers the weights of an additive set function exactly
    complete: ClassVar[bool] = False  # scores sum to v(all) − v(none)

    @abstractmethod
    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        """Scores of the features, positive where a feature supports the target."""


class ModelMethod(Method, ABC):
    """Sees the network.

    Its features may be *components* of the network instead of the text: named parts, the same for every text. No
    metric of words ever sees such scores.
    """

    features: ClassVar[Literal["tokens", "components"]] = "tokens"

    def components(self, model: Model) -> Sequence[str]:
        """Names of what is scored, where its features are components."""
        return ()

    @property
    def reference_operators(self) -> Sequence[Operator]:
        """The operators that put into a text what its reference is made of.

        A metric that removes words by one of their family flatters it, and does not decide its place in a table.
        """
        return ()

    @property
    def passes(self) -> int:
        """Passes through the network for one row, forwards and backwards together: for estimates only."""
        return 2

    @abstractmethod
    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        """Scores of the tokens, [batch, tokens], or of the components; diagnostics with a leading batch axis.

        One generator a row, so that a row's scores do not depend on its batch.
        """


class Metric(Plugin, ABC):
    """A judgement of explanations (or of the model alone).

    Where a text's own bounds are known, three diagnostics tell what the value was made of: `reached` by this
    explanation, and by the `worst` and the `best` possible one. Tables then make a ratio of means of them, and only
    such a metric of subsets may be compared between models, whose bounds differ.
    """

    kind: ClassVar[Kind] = "metric"
    higher_is_better: ClassVar[bool | None] = True  # None: it describes, and neither more nor less is better
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    unit: ClassVar[str] = ""
    headline: ClassVar[bool] = True  # False: shown apart from the leaderboard's main table
    oracle: ClassVar[float | None] = None  # what the best possible explanation gets, if the same for every text

    @model_validator(mode="after")
    def _bounds_are_an_interval(self) -> Metric:
        low, high = self.bounds
        if not low <= high:  # nor where one is NaN, within which everything would lie
            raise ValueError(f"{self.name} declares the bounds {low:g} to {high:g}, which are no interval")
        return self


class SubsetMetric(Metric, ABC):
    """Removes features and looks at the value; scored under every operator of the suite.

    With the reading "answer" a subset's value is the index of the label in what a prompted model writes, or −1 where it
    writes none; models that write no answer are unsupported.
    """

    reading: ClassVar[Reading | Answer] = "probability"
    target: ClassVar[How] = "predicted"
    stochastic: ClassVar[bool] = False  # True where it draws what it asks, even for a ranking without ties

    @abstractmethod
    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        """One number; tied scores count as the average over their orders."""


class SpanMetric(Metric, ABC):
    """Compares scores with what is known of the text.

    It asks no network, so that chance can be had exactly: the same scores are compared in other orders of the words.
    """

    @abstractmethod
    def compare(self, attribution: Attribution, example: Example) -> float | None:
        """One number, or None where the example says nothing (no rationale, say).

        Called some 200 times for each text: it decides by its arguments alone, and costs little.
        """


class ModelMetric(Metric, ABC):
    """Measures the model alone."""

    needs: ClassVar[frozenset[Need]] = frozenset()

    def texts(self, splits: Splits, explained: Sequence[Example]) -> Sequence[Example]:
        """The texts to measure it on: those that are explained, unless it says otherwise."""
        return explained

    @abstractmethod
    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"] | Scores | float:
        """One number an example (NaN where it does not apply), or one for the model; diagnostics likewise."""


class PopulationMetric(Metric, ABC):
    """Judges how the explanations of one text vary over the seeds of a chain.

    Computed from stored attributions when tables are made, with a bootstrap over the seeds.
    """

    @abstractmethod
    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        """What one text's value is made of, for each draw of seeds.

        Args:
            scores: of one text's features by every seed's model, for the same target.
            weights: how often each seed counts in a draw; all ones for the seeds as they are.
        """

    def value(self, terms: Float[np.ndarray, "*draws terms"]) -> Float[np.ndarray, "*draws"]:
        """The value made of the terms of one text, or of terms averaged over texts."""
        return terms[..., 0]


KINDS: Mapping[Kind, type[Plugin]] = {
    kind.kind: kind for kind in (Dataset, ModelSource, Strategy, Quantizer, Method, Metric)
}

# what a plugin of such a kind does is decided by one of these
ROLES: Mapping[Kind, tuple[type[Plugin], ...]] = {
    "method": (SubsetMethod, ModelMethod),
    "metric": (SubsetMetric, SpanMetric, ModelMetric, PopulationMetric),
}
