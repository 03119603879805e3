# Sourced by the commands in ops/: installs what they need and hands over to their Python module.
# Python is Debian's own, by its path: PATH may name another one, without the packages installed here.

parley_ops() { # parley_ops MODULE LIST... -- ARGUMENT...
  local harness module lists=()
  harness="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
  module="$1"
  shift
  while [ "$1" != -- ]; do
    lists+=("$harness/$1")
    shift
  done
  shift
  if [ ${#lists[@]} -gt 0 ]; then "$harness/install-packages" "${lists[@]}"; fi
  [ -x /usr/bin/python3 ] || { echo "parley: the program /usr/bin/python3 is missing: apt-get install --reinstall python3-minimal brings it back" >&2; exit 69; }
  export PYTHONDONTWRITEBYTECODE=1
  exec /usr/bin/python3 "$harness/command_$module.py" "$@"
}
