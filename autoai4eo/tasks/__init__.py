"""What a user asks for: Keras-style classes that search, train and predict."""

from autoai4eo.tasks.auto_model import AutoModel as AutoModel
from autoai4eo.tasks.classification import ImageClassifier as ImageClassifier
from autoai4eo.tasks.classification import So2SatClassifier as So2SatClassifier
from autoai4eo.tasks.regression import ImageRegressor as ImageRegressor
