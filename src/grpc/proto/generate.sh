#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes C code and the embedded descriptors from the .proto files of this folder.
# Usage: generate.sh PROTOC_C PROTOC SOURCE_FOLDER OUTPUT_FOLDER
set -eu

protoc_c=$1 protoc=$2 from=$3 to=$4
# A folder of its own, and every file moved into place whole: parallel makes may run this at the same time.
tmp=$to/generate.tmp.$$
rm -rf "$tmp"
mkdir -p "$tmp/out"
trap 'rm -rf "$tmp"' EXIT

# Codecs.  `string` becomes `bytes`: both are the same on the wire, but as bytes a text keeps its
# length in C, so a NUL that a peer puts into a name does not end it.
for proto in grpc/health/v1/health grpc/reflection/v1/reflection helloworld \
    outrigger/demo/echo details_part authz_part channelz_part orca_part otlp_part rls_part; do
    sed -E 's/^( *(repeated )?)string /\1bytes /' "$from/$proto.proto" >"$tmp/${proto##*/}.proto"
    "$protoc_c" --proto_path="$tmp" --c_out="$tmp/out" "$tmp/${proto##*/}.proto"
done

# What server reflection hands out: the files as they are, under their public names. Usage: embed NAME FILE...
embed() {
    name=$1
    shift
    "$protoc" --proto_path="$from" --include_imports --descriptor_set_out="$tmp/set.bin" "$@"
    echo "static const uint8_t ${name}_bytes[] = {"
    od -An -v -tx1 "$tmp/set.bin" | sed -e 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    echo 'struct slice'
    echo "${name}_get(void)"
    echo '{'
    echo "    return slice_make(${name}_bytes, sizeof(${name}_bytes));"
    echo '}'
}
{
    echo '/* Made by generate.sh: two of google.protobuf.FileDescriptorSet. */'
    echo '#include "grpc/descriptors.h"'
    embed descriptors grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto \
        grpc/reflection/v1alpha/reflection.proto helloworld.proto outrigger/demo/echo.proto
    embed descriptors_admin grpc/reflection/v1/reflection.proto \
        grpc/reflection/v1alpha/reflection.proto grpc/channelz/v1/channelz.proto
} >"$tmp/descriptors.c"
mv "$tmp/descriptors.c" "$tmp"/out/* "$to/"
