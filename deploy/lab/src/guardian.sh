# Ends a lab when nobody holds it any more: the last holder may have been killed, so no holder can be trusted to do it.
# Arguments: the lab's folder, its id, and the process of a cargo run that keeps it alive between two of its programs.
dir=$1 id=$2 run=$3
trap '' HUP INT TERM
while [ -n "$run" ] && grep -q '^cargo' "/proc/$run/comm" 2>/dev/null; do sleep 0.2; done
exec 9<"$dir/held" || exit 0
# Holders have it locked, shared; the kernel lets go of their lock however they end.
flock 9
found=yes
while [ -n "$found" ]; do
    found=
    for process in /proc/[0-9]*; do
        if tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qx "LAPWING_LAB_ID=$id"; then
            found=yes
            kill -9 "${process#/proc/}" 2>/dev/null
        fi
    done
    [ -z "$found" ] || sleep 0.1
done
if [ -e "$dir/keep" ]; then
    for entry in "$dir"/*; do
        case $entry in */logs | */keep | */held) ;; *) rm -rf "$entry" ;; esac
    done
else
    rm -rf "$dir"
fi
