"""From a trained network to an answer about a video."""
