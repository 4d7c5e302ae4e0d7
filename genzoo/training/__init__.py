"""One trainer for every registered model."""
