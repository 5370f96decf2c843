"""MLflow as a projection of the chain, rebuilt from journals and receipts at any time."""
