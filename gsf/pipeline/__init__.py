"""One graph, two runners: what DVC and Snakemake share."""
