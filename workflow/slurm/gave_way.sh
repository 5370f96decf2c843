#!/bin/bash
# What follows where the command of a Snakemake job has failed with a code: `workflow/slurm/gave_way.sh CODE`.
#
# A job that is pre-empted on a partition with GraceTime is asked to end and runs on until that time is over. Where its
# command ends before, Slurm takes that for a failure of the job and does not queue it again, so this does: the urgent
# job need not wait any longer, and Snakemake sees neither a failure nor another job. Of all else only the code remains.
set -u
code=$1
job=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then # the number of an array's job may stand for all of the array
    job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
fi
known=$(scontrol --oneliner show job "$job" 2>/dev/null)
case " $known " in
    *" JobState=RUNNING "*" PreemptTime="[0-9]*)
        scontrol requeue "$job" && echo "this job makes room for a more urgent one and is queued again" >&2
        ;;
esac
exit "$code"
