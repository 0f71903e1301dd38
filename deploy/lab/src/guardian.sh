# Ends a lab when nobody holds it any more: the last holder may have been killed, so no holder can be trusted to do it.
# Arguments: the lab's folder, its id, and the process of a cargo run that keeps it alive between two of its programs.
guard() {
    dir=$1 id=$2 run=$3
    trap '' HUP INT TERM
    while [ -n "$run" ] && [ ! -e "$dir/end" ] && grep -q '^cargo' "/proc/$run/comm" 2>/dev/null; do sleep 0.2; done
    exec 9<"$dir/held" || return
    # Holders have it locked, shared; the kernel lets go of their lock however they end.
    flock 9 || return
    # Twice nothing, because for a moment after its start a process does not show its mark.
    none=0
    while [ "$none" -lt 2 ]; do
        none=$((none + 1))
        for process in /proc/[0-9]*; do
            if tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qx "LAPWING_LAB_ID=$id"; then
                none=0
                kill -9 "${process#/proc/}" 2>/dev/null
            fi
        done
        sleep 0.05
    done
    if [ -e "$dir/keep" ]; then
        for entry in "$dir"/*; do
            case $entry in */logs | */keep | */held) ;; *) rm -rf "$entry" ;; esac
        done
    else
        rm -rf "$dir"
    fi
}
# Read to the end before anything is done, because this file is removed, too.
guard "$@"
exit
