#!/bin/bash
# torchrun on each node of a job, for those who want its rendezvous; `gsf train --devices N` does without it.
#
#   sbatch --nodes=2 --gpus-per-node=4 --cpus-per-task=16 --mem=64G workflow/slurm/train.sbatch \
#       srun --ntasks-per-node=1 --cpu-bind=none workflow/slurm/torchrun.sh gsf train ...
#
# As many processes a node as it has GPUs; GSF_PROCESSES is another number, on CPUs for instance.
set -eu
processes=${GSF_PROCESSES:-${SLURM_GPUS_ON_NODE:-1}}
port=$((20000 + SLURM_JOB_ID % 10000))
# Each process would start as many loaders as if the node's cores were its own.
if [ -z "${GSF_WORKERS:-}" ]; then
    GSF_WORKERS=$(python -c "from gsf.train.launch import loaders_of_each as each; print(each($processes))")
    export GSF_WORKERS
fi
exec torchrun --nnodes="$SLURM_NTASKS" --nproc-per-node="$processes" \
    --rdzv-backend=c10d --rdzv-endpoint="$SLURM_LAUNCH_NODE_IPADDR:$port" --rdzv-id="$SLURM_JOB_ID" \
    --signals-to-handle=SIGTERM,SIGINT,SIGUSR1 -m -- "$@"
