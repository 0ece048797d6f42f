"""Judgements of explanations, and of models."""

from attrimark_registry import Metric, hookimpl

from .accuracy import Accuracy
from .aopc import AopcComprehensiveness, AopcSufficiency
from .attack_success import AttackSuccess
from .average_precision import AveragePrecision
from .beta import Beta
from .category_lift import CategoryLift
from .category_share import CategoryShare
from .codebertscore import CodeBertScore
from .comprehensiveness import Comprehensiveness
from .comprehensiveness_curve import ComprehensivenessCurve
from .datamodeling_score import DatamodelingScore
from .edit_similarity import EditSimilarity
from .effective_features import EffectiveFeatures
from .embedding_change import EmbeddingChange
from .embedding_similarity import EmbeddingSimilarity
from .evidence_lift import EvidenceLift
from .evidence_precision import EvidencePrecision
from .exact_match import ExactMatch
from .faithfulness_auc import FaithfulnessAuc
from .fine_tuning_surface import FineTuningSurface
from .focus_entropy import FocusEntropy
from .focus_gini import FocusGini
from .focus_top_mass import FocusTopMass
from .generated_agreement import GeneratedAgreement
from .lexicon_agreement import LexiconAgreement
from .noise import Noise
from .normalised_aopc import NormalisedAopc
from .output_contribution import OutputContribution
from .parameters import Parameters
from .parse_rate import ParseRate
from .perplexity import Perplexity
from .prompt_length import PromptLength
from .quantization_contribution import QuantizationContribution
from .rationale_agreement import RationaleAgreement
from .rationale_parse_rate import RationaleParseRate
from .reliance import Reliance
from .seed_agreement import SeedAgreement
from .signal import Signal
from .signal_to_noise import SignalToNoise
from .sufficiency import Sufficiency
from .sufficiency_curve import SufficiencyCurve
from .top_overlap import TopOverlap
from .tuco import TuningContribution


@hookimpl
def register_metrics() -> list[type[Metric]]:
    return [
        Sufficiency,
        Comprehensiveness,
        AopcComprehensiveness,
        AopcSufficiency,
        SufficiencyCurve,
        ComprehensivenessCurve,
        NormalisedAopc,
        FaithfulnessAuc,
        DatamodelingScore,
        RationaleAgreement,
        GeneratedAgreement,
        RationaleParseRate,
        AveragePrecision,
        EvidenceLift,
        EvidencePrecision,
        LexiconAgreement,
        FocusEntropy,
        FocusGini,
        FocusTopMass,
        EffectiveFeatures,
        CategoryShare,
        CategoryLift,
        Signal,
        Noise,
        SignalToNoise,
        SeedAgreement,
        TopOverlap,
        Accuracy,
        ParseRate,
        ExactMatch,
        EditSimilarity,
        EmbeddingSimilarity,
        CodeBertScore,
        Reliance,
        FineTuningSurface,
        Parameters,
        TuningContribution,
        Beta,
        OutputContribution,
        EmbeddingChange,
        QuantizationContribution,
        Perplexity,
        PromptLength,
        AttackSuccess,
    ]
