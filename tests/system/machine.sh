# Becomes the systemd of a machine in namespaces of its own: what it writes to /etc, /run and /var is gone with it.
# Only the units in the directory that is the first argument are known to it.
set -eu
mount --make-rprivate /
# Its control groups are all below the one that is the second argument, in each hierarchy.
for directory in /sys/fs/cgroup /sys/fs/cgroup/*; do
  if [ -d "$directory/$2" ]; then mount --bind "$directory/$2" "$directory"; fi
done
mount -t tmpfs tmpfs /run
for directory in /etc /var; do
  mkdir -p "/run/above$directory" "/run/work$directory"
  mount -t overlay overlay -o "lowerdir=$directory,upperdir=/run/above$directory,workdir=/run/work$directory" "$directory"
done
export container=test SYSTEMD_UNIT_PATH="$1:/etc/systemd/system"
unset NOTIFY_SOCKET
exec /lib/systemd/systemd --system --log-target=console --log-level=info --show-status=no
