#!/bin/sh
# Writes src/api anew. It needs protoc, and protoc-gen-wsrpc on the PATH.
set -e
cd "$(dirname "$0")"
protoc -I proto --wsrpc_out=src/api --wsrpc_opt=include_file=mod.rs proto/hello.proto
