#!/usr/bin/env bash
# Trains a recipe on several machines of a Slurm cluster, one worker per machine, with all GPUs of each:
#
#     sbatch --nodes=4 tools/launch/slurm.sh RECIPE RUN_FOLDER [OPTION OF genzoo train...]
#
# RUN_FOLDER must be on a file system that all machines share. Submit the same line again to continue a run.
# PORT (default: from the number of the job) is the port of worker 0; worker N listens at PORT + N.
#SBATCH --job-name=genzoo
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

recipe=${1:?RECIPE is missing} output=${2:?RUN_FOLDER is missing}
shift 2

port=${PORT:-$((20000 + SLURM_JOB_ID % 10000))}
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
workers="" num=0
for host in $hosts; do
    workers+="${workers:+, }\"$host:$((port + num))\""
    num=$((num + 1))
done
export CLUSTER="{\"worker\": [$workers]}"

# Run by `srun` once per machine, in the order of the machines.
worker='
export TF_CONFIG="{\"cluster\": $CLUSTER, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
exec genzoo train "$@"
'
# Slurm from 22.05 on does not hand --cpus-per-task on to `srun`.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

# Where a worker is lost, the others end with status 1: all are started again, and continue from their backups.
# A job that is stopped (status 130) has saved its state. Slurm itself queues the job again when a machine fails.
for attempt in 1 2 3; do
    status=0
    srun --ntasks="$num" --ntasks-per-node=1 bash -c "$worker" worker \
        "$recipe" --output "$output" --strategy multi_worker --resume "$@" || status=$?
    if ((status == 0 || status == 130)); then break; fi
    echo "Attempt $attempt ended with status $status." >&2
done
exit "$status"
