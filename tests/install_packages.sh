#!/bin/sh
# Installs the Debian packages of packages.txt that are missing, or only those named here, when this user may; says
# what is left out when not.
set -u
here=$(dirname "$0")
missing=
for package in ${*:-$(sed 's/#.*//' "$here/packages.txt")}; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: what needs$missing is left out"
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo=sudo
else
    echo "not allowed to install$missing: what needs them is left out (try: sudo apt-get install$missing)"
    exit 0
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log"
    echo "could not install$missing: what needs them is left out"
fi
rm -f "$log"
