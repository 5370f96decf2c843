"""Annotations, inventory, manifest, sampling, augmentation, loading."""
