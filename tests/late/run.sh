#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The integration tests with a proxy whose threads are late (late.c says when); with arguments, what they tell pytest. Run from the build folder.
# Tests that measure rates or times would fail with reason, so without arguments only those run that lanes.py runs side by side.
# OUTRIGGER names the binary (default: ./outrigger).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
proxy=${OUTRIGGER:-$PWD/outrigger}
folder=$PWD/build-late

rm -rf "$folder"
mkdir "$folder"
${CC:-cc} -O2 -Wall -shared -fPIC -o "$folder/late.so" "$here/late.c"
# The tests look for the other programs beside the proxy.
ln -s "$(dirname "$proxy")/outriggerctl" "$(dirname "$proxy")/tests" "$folder"
cat >"$folder/outrigger" <<END
#!/bin/sh
LD_PRELOAD=$folder/late.so exec "$proxy" "\$@"
END
chmod +x "$folder/outrigger"
OUTRIGGER=$folder/outrigger OUTRIGGER_TEST_LATE=1 exec sh "$here/../integration/run.sh" "$@"
