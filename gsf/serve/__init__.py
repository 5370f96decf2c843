"""A trained network that answers over HTTP: what MLflow stores and loads of it, what it accepts, and its server."""
