# Becomes a process of a container, in namespaces of its own: what is mounted is gone with it.
# Arguments: the root, a table of what is mounted (fstab(5)), rw or ro, then what runs in the root.
set -eu
root="$1" table="$2" access="$3"
shift 3
mount --all --fstab "$table"
# The devices that a container has.
for device in full null random tty urandom zero; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
ln -s pts/ptmx "$root/dev/ptmx"
if [ "$access" = ro ]; then mount -o remount,ro "$root"; fi
# A network with nothing but itself, if it has one of its own.
if [ -n "${CONTAINER_ADDRESS:-}" ]; then
  ip link set lo up
  ip link add eth0 type veth peer name nobody
  ip addr add "$CONTAINER_ADDRESS/24" dev eth0
  ip link set eth0 up
  ip link set nobody up
fi
exec chroot "$root" "$@"
