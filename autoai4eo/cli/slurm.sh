#!/bin/bash
# Written by `autoai4eo slurm`: each job of the array works on the same search.
#SBATCH --job-name={{ name }}
#SBATCH --array=1-{{ jobs }}
#SBATCH --time={{ time }}
#SBATCH --signal=B:USR1@{{ notice }}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --chdir={{ folder }}
#SBATCH --output={{ log }}
{% for option in options %}
#SBATCH {{ option }}
{% endfor %}

# the end of --time is near: fit gives its trial back, and this job queues again
fit='' last_call='' signalled=''
trap 'last_call=yes; signalled=yes; [ -z "$fit" ] || kill -USR1 "$fit"' USR1

# the environment that wrote this; the lines below may choose another
export PATH={{ programs }}:"$PATH"
{% if setup %}
set -e # a line that fails ends the job
{% for line in setup %}
{{ line }}
{% endfor %}
set +e
{% endif %}
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
    export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK" # srun does not take it by itself
fi

status=1
if [ -z "$last_call" ]; then
    srun --ntasks=1 {{ command }} &
    fit=$!
    [ -z "$last_call" ] || kill -USR1 "$fit"
    while true; do
        signalled=''
        wait "$fit"
        status=$?
        if [ -z "$signalled" ]; then break; fi # else the signal ended the wait, not fit
    done
fi

# 0: the search is over; 2: the input is wrong, which another try does not change
if [ -n "$last_call" ] && [ "$status" -ne 0 ] && [ "$status" -ne 2 ]; then
    echo "$(date '+%F %T')   the job's time is nearly over; it queues again"
    scontrol requeue "$SLURM_JOB_ID"
    exit
fi
exit "$status"
