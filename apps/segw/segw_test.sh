#!/bin/sh
# segw as its operator runs it, without a running segwd: segw_test.sh SEGW SOURCE_DIR SEGWD
set -eu
segw=$1
source=$2
segwd=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "FAILED: $1" >&2
  exit 1
}

"$segw" check "$source/labs/pair/a.cfg" --ports "$source/labs/pair/a.ports" >"$dir/out" ||
  fail "the sample is accepted"
grep -q "a.cfg: no errors" "$dir/out" || fail "says that there are no errors"

sed -e 's/priority 200/priority 999/' -e 's/service-id 2/service-id 0/' \
  "$source/labs/pair/a.cfg" >"$dir/bad.cfg"
if "$segw" check "$dir/bad.cfg" --ports "$source/labs/pair/a.ports" 2>"$dir/out"; then
  fail "a bad configuration is refused"
fi
# Both vrrp priorities, the mastership's and the service's id.
[ "$(grep -c "bad.cfg: line " "$dir/out")" = 4 ] || fail "every error has its line"
if "$segw" check "$dir/none.cfg" --ports "$dir/none" 2>/dev/null; then fail "no file, no success"; fi
if "$segw" check "$dir" --ports "$dir" 2>"$dir/err"; then fail "a folder is no configuration"; fi
grep -qx "$dir: cannot be read" "$dir/err" || fail "says that a folder cannot be read"
rm "$dir/err"

"$segw" tools mcs-key generate --state "$dir" >/dev/null || fail "a key is made"
[ "$(stat -c %a "$dir/mcs.key")" = 600 ] || fail "the key is its owner's"
grep -Eqx '[0-9a-f]{64}' "$dir/mcs.key" || fail "the key has 64 digits"
cp "$dir/mcs.key" "$dir/copy"
if "$segw" --state "$dir" tools mcs-key generate 2>/dev/null; then fail "no key is overwritten"; fi
cmp -s "$dir/mcs.key" "$dir/copy" || fail "the key is as it was"
[ "$(ls "$dir" | wc -l)" = 4 ] || fail "nothing half done is left"

# A change of the key.
if "$segw" --state "$dir" tools mcs-key swap 2>"$dir/err"; then fail "one key cannot be swapped"; fi
grep -q "there is no second key: add one first" "$dir/err" || fail "says that there is no second key"
"$segw" --state "$dir" tools mcs-key add >"$dir/out" || fail "a second key is added"
[ "$(sed -n 1p "$dir/mcs.key")" = "$(cat "$dir/copy")" ] || fail "the first key stays the first"
[ "$(grep -Ecx '[0-9a-f]{64}' "$dir/mcs.key")" = 2 ] || fail "there are two keys"
new=$(sed -n 2p "$dir/mcs.key")
if "$segw" --state "$dir" tools mcs-key add 2>/dev/null; then fail "there is no third key"; fi
"$segw" tools mcs-key swap --state "$dir" >/dev/null || fail "keys are swapped"
[ "$(sed -n 1p "$dir/mcs.key")" = "$new" ] || fail "the second key is the first now"
"$segw" --state "$dir" tools mcs-key remove >/dev/null || fail "the second key is removed"
[ "$(cat "$dir/mcs.key")" = "$new" ] || fail "the new key is left"
[ "$(stat -c %a "$dir/mcs.key")" = 600 ] || fail "the changed file is its owner's"
if "$segw" --state "$dir" tools mcs-key remove 2>/dev/null; then fail "the last key stays"; fi
rm "$dir/err"
[ "$(ls "$dir" | wc -l)" = 4 ] || fail "nothing half done is left by a change"

if "$segw" --state "$dir" show version 2>"$dir/err"; then fail "without segwd nothing is shown"; fi
grep -q "no segwd listens on $dir/control" "$dir/err" || fail "says that there is no segwd"

exit_code() { # of a command that is called wrongly
  set +e
  "$@" >"$dir/out" 2>"$dir/err"
  echo $?
}
[ "$(exit_code "$segw")" = 2 ] || fail "no command is wrong usage"
[ "$(exit_code "$segw" check)" = 2 ] || fail "a missing argument is wrong usage"
[ "$(exit_code "$segw" --nonsense)" = 1 ] || fail "an unknown word is the console's to refuse"
[ "$(exit_code "$segwd" --state "$dir")" = 2 ] || fail "segwd without a configuration is wrong usage"
[ "$(exit_code "$segw" --help)" = 0 ] || fail "help is no error"
for words in "show ipsec tunnel" "clear ipsec tunnel <name>" "tools mcs-key generate|add|swap|remove"; do
  grep -qF "$words" "$dir/out" || fail "help names '$words'"
done
[ "$(exit_code "$segw" tools mcs-key generate --state "$dir/none")" = 1 ] || fail "no folder, no key"
[ "$(cat "$dir/err")" = "segw: there is no folder $dir/none: install -d -m 0700 $dir/none" ] ||
  fail "says that the folder is missing"

# Without CAP_SYS_ADMIN, as any user that is not root.
if [ "$(id -u)" = 0 ]; then
  [ "$(exit_code setpriv --bounding-set=-sys_admin "$segwd" --config x)" = 2 ] ||
    fail "segwd needs root"
else
  [ "$(exit_code "$segwd" --config x)" = 2 ] || fail "segwd needs root"
fi
[ "$(cat "$dir/err")" = "segwd: must be started as root: it makes network namespaces, devices and \
routes" ] || fail "segwd says so in one line"
echo ok
