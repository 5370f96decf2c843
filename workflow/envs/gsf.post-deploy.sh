# Run by Snakemake in the new environment, in the project's folder.
set -eu
python -m pip install --requirement requirements.lock
python -m pip install --no-deps --editable .
