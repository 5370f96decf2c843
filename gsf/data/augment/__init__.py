"""What a training clip goes through: drawn once a clip, applied to all of its frames, on a CPU or a GPU."""
