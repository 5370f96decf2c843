"""Bytes on disk to frames: probing, ffmpeg, the rendered benchmark."""
