"""What MLflow runs when it loads a registered network: a copy of this file lies in the model's folder.

A model is text and safetensors in this way; nothing of it is pickled.
"""

from mlflow.models import set_model

from gsf.serve.network import ServedNetwork

set_model(ServedNetwork())
