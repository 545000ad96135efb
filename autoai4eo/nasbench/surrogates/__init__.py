"""Surrogates: models that predict the figures of networks without training them."""

from autoai4eo.nasbench.surrogates.records import Records, read_records
from autoai4eo.nasbench.surrogates.surrogate import Surrogate
from autoai4eo.nasbench.surrogates.validation import (
    Validation,
    learning_curve,
    validate,
)

__all__ = [
    "Records",
    "Surrogate",
    "Validation",
    "learning_curve",
    "read_records",
    "validate",
]
