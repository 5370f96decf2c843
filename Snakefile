# The graph of dvc.yaml for Snakemake: `snakemake --cores 2`, or a profile of workflow/profiles on a cluster.
#
# One rule a group of stages. What a job reads, writes, runs and needs comes from dvc.yaml through gsf/pipeline/graph.py,
# so that the two runners cannot drift apart; afterwards `gsf record` tells DVC what was done. See docs/pipeline.md.
# Jobs run the `gsf` that is on the PATH, or one of workflow/envs with `--software-deployment-method conda`.
from snakemake.utils import min_version

from gsf.pipeline.array_task import become_own_task
from gsf.pipeline.rules import Rules

min_version("9.20")
become_own_task()

# Slurm ends a job by asking all of its processes at once. The shell and `tee` stay as long as the stage: a training
# saves first, and says so. Where Slurm asked because a more urgent job needs the place, it is queued again. (A prefix
# is no part of a rule's code: projects that ran without it run nothing again.)
shell.prefix(
    "set -euo pipefail; trap : TERM USR1; tee() {{ trap '' TERM USR1; command tee \"$@\"; }}; "
    'if [ -n "${{SLURM_JOB_ID:-}}" ]; then '
    'gsf() {{ trap : TERM USR1; command gsf "$@" || workflow/slurm/gave_way.sh $?; }}; fi; '
)

stages = Rules.start(workflow.basedir, main=workflow.is_main_process)


wildcard_constraints:
    benchmark=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    shard=r"a?\d\d",
    study=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    run=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    protocol=r"[A-Za-z0-9][A-Za-z0-9_-]*",


localrules:
    all,


rule all:
    default_target: True
    input:
        stages.everything(),


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
