"""`gsf init`: a benchmark file, annotations and a study, for videos of your own or a published benchmark."""
